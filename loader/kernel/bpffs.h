// SPDX-License-Identifier: Apache-2.0
// bpffs, the file system on which pins lie.
#pragma once

#include <filesystem>

#include "loader/base/fault.h"

namespace pm {

// Pins end with the last mount of their bpffs: with a container, or with the command itself, unless
// the host has that mount too. unknown: in a PID namespace of its own a process cannot see what the
// host has mounted.
enum class Lasting { yes, no, unknown };

// Does the bpffs that this folder is on outlive this process? Where it is on none: would one that
// is mounted here?
Lasting bpffs_lasts(const std::filesystem::path &path);

// Makes the folder of the pins. If it is not on a bpffs, one is mounted with mode 0700: on
// /sys/fs/bpf for a folder in there, else on the folder itself. Refuses to mount one unless it is
// known to last, and to use one that is known not to.
Done prepare_pin_folder(const std::filesystem::path &path);

}  // namespace pm
