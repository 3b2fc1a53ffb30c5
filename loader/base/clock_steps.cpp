// SPDX-License-Identifier: Apache-2.0
#include "loader/base/clock_steps.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace pm {

ClockSteps::ClockSteps() : fd_(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
    arm();
}

// A timer of the wall clock, which is cancelled when the clock is set; after an hour it is armed
// again.
void ClockSteps::arm() {
    constexpr time_t an_hour = 3600;
    itimerspec when = {};
    when.it_value.tv_sec = time(nullptr) + an_hour;
    if (fd_)
        (void)timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when,
                              nullptr);
}

bool ClockSteps::any() {
    std::uint64_t expirations;
    if (!fd_) return false;
    const ssize_t size = read(fd_.get(), &expirations, sizeof(expirations));
    const bool set = size < 0 && errno == ECANCELED;
    if (size >= 0 || set) arm();
    return set;
}

}  // namespace pm
