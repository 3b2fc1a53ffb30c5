// SPDX-License-Identifier: Apache-2.0
// Runs a kernel in QEMU, without any privilege: as the user nobody where this is root, with no
// network, no disk and no folder of this host. What the guest writes to its second serial port is
// its answer.
#pragma once

#include <string>

#include "loader/base/fault.h"

namespace pm {

struct Guest {
    std::string image;      // a bzImage
    std::string initramfs;  // a cpio archive
    std::string words;      // of the kernel's command line
    std::string last_word;  // a line of its answer that begins so is the last one
    unsigned seconds;       // after which it is ended
};

struct Answer {
    std::string text;     // a megabyte at most
    bool in_time;         // it ended, or said its last word
    std::string console;  // what the kernel said, then what the emulator said
};

// Ends with the guest, at the latest.
Result<Answer> run_guest(const Guest &guest);

}  // namespace pm
