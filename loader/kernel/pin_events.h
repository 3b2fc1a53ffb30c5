// SPDX-License-Identifier: Apache-2.0
// Tells when pins are made, renamed or removed. A mount over their folder makes no event.
#pragma once

#include "loader/base/paths.h"
#include "policy/base/fd.h"

namespace pm {

class PinEvents {
public:
    PinEvents();

    // Readable once something has changed; -1: events cannot be had.
    int fd() const { return fd_.get(); }
    // Throws away the events that have come, and waits for those of the folders that exist now.
    void follow(const Paths &paths) const;

private:
    Fd fd_;
};

}  // namespace pm
