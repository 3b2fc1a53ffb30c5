// SPDX-License-Identifier: Apache-2.0
#include "loader/base/retry.h"

#include <algorithm>

#include "loader/base/clock.h"

namespace pm {

bool Retry::is_due(const std::string &circumstances) const {
    return next_ == 0 || circumstances != circumstances_ || monotonic_seconds() >= next_;
}

void Retry::failed(const std::string &circumstances) {
    if (circumstances != circumstances_) pause_ = first_pause;
    circumstances_ = circumstances;
    next_ = monotonic_seconds() + pause_;
    pause_ = std::min(2 * pause_, longest_pause);
}

void Retry::succeeded() {
    *this = Retry();
}

}  // namespace pm
