// SPDX-License-Identifier: Apache-2.0
// bpffs, the file system on which pins lie.
#pragma once

#include <filesystem>

#include "loader/base/fault.h"

namespace pm {

// Makes the folder of the pins. If it is not on a bpffs, one is mounted with mode 0700: on
// /sys/fs/bpf for a folder in there, else on the folder itself.
Done prepare_pin_folder(const std::filesystem::path &path);

}  // namespace pm
