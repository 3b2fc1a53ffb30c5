// SPDX-License-Identifier: Apache-2.0
// Tells when somebody sets the clock, by a step of CLOCK_REALTIME; a clock that is slewed makes no
// step.
#pragma once

#include "policy/base/fd.h"

namespace pm {

class ClockSteps {
public:
    ClockSteps();

    // Readable once the clock was set; -1: that cannot be had, and errno says why.
    int fd() const { return fd_.get(); }
    // Was the clock set since it was asked last?
    bool any();

private:
    void arm();

    Fd fd_;
};

}  // namespace pm
