// SPDX-License-Identifier: Apache-2.0
// Times of day that survive a step of the clock. The programs count CLOCK_BOOTTIME, which no one
// sets; files hold CLOCK_REALTIME, which means something after a reboot.
#pragma once

#include <cstdint>
#include <string>

namespace pm {

std::uint64_t realtime_seconds();  // since the epoch
std::uint64_t realtime_ns();       // likewise
std::uint64_t boottime_ns();       // since boot, with the time that the host was suspended
double monotonic_seconds();        // since any fixed time, for what lasts while we run

std::string time_text(std::uint64_t ns);  // RFC 3339, UTC, of ns since the epoch

// How far apart the two clocks were, and in which boot.
struct ClockStamp {
    std::string boot;         // /proc/sys/kernel/random/boot_id; "-" if it cannot be read
    std::int64_t offset = 0;  // seconds from CLOCK_BOOTTIME to CLOCK_REALTIME
};
ClockStamp clock_stamp();

// A line that keeps it, and the stamp of such a line; without a boot where it is none.
std::string print_clock(const ClockStamp &stamp);
ClockStamp parse_clock(const std::string &line);

// By how many seconds the clock was stepped from `then` to `now`; 0 for another boot or an unknown
// one, and for what may be rounding.
std::int64_t clock_step(const ClockStamp &then, const ClockStamp &now);

}  // namespace pm
