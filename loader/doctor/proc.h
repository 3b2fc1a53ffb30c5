// SPDX-License-Identifier: Apache-2.0
// What a file below /proc or /sys says.
#pragma once

#include <filesystem>
#include <string>

namespace pm {

// The file's first word; empty where the file is empty or cannot be read.
std::string read_word(const std::filesystem::path &path);

}  // namespace pm
