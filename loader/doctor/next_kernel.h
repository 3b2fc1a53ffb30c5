// SPDX-License-Identifier: Apache-2.0
// Whether the programs work on a kernel that is installed and not running, asked before the reboot.
// The kernel is started in an emulator; its only program is this one, which loads and attaches the
// programs to a virtual network card, asks them about test packets, and says what it found.
//
// What it says is text for the user, line by line, and a last line with the exit status.
#pragma once

#include <string>

#include "loader/base/fault.h"

namespace pm {

struct KernelReport {
    std::string text;
    int status;  // an exit status of doctor
};

// `version` as 'uname -r' says it; `root`: below which it is installed; `words`: of the command
// line of this program in the guest.
Result<KernelReport> examine_next_kernel(const std::string &root, const std::string &version,
                                         const std::string &words);

// In the guest, as its first process: what a booted host has is mounted, modules are loaded.
Done begin_guest();

// Says the report's last line, and powers off.
[[noreturn]] void end_guest(int status);

// What the guest's program applies, and where it is.
inline constexpr const char *guest_policy = "/policy.yaml";
inline constexpr const char *guest_interface = "eth0";

}  // namespace pm
