// SPDX-License-Identifier: Apache-2.0
// The file system that pins lie on.
#pragma once

#include <filesystem>

#include "loader/base/fault.h"

namespace pm {

// The folder of the pins, on a bpffs: mounts one with mode 0700 where there is none (on
// /sys/fs/bpf for a folder in it, else on the folder itself).
Done prepare_pin_folder(const std::filesystem::path &path);

}  // namespace pm
