// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/jiffies.h"

#include <time.h>

#include <cmath>

namespace pm {

std::uint32_t kernel_hz() {
    static const std::uint32_t hz = [] {  // asked for each flow of a walk
        timespec tick = {};
        clock_getres(CLOCK_MONOTONIC_COARSE, &tick);  // the length of a jiffy
        return static_cast<std::uint32_t>(std::lround(1e9 / static_cast<double>(tick.tv_nsec)));
    }();
    return hz;
}

std::uint64_t jiffies_now() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::uint64_t hz = kernel_hz();
    // The kernel starts its counter five minutes before it passes 32 bits.
    const std::uint64_t start = (std::uint64_t{1} << 32) - 300 * hz;
    return start + static_cast<std::uint64_t>(now.tv_sec) * hz +
           static_cast<std::uint64_t>(now.tv_nsec) * hz / 1'000'000'000;
}

}  // namespace pm
