// SPDX-License-Identifier: Apache-2.0
// Clocks, and times that stay right when somebody sets the clock. The programs count
// CLOCK_BOOTTIME, which nobody can set; files hold CLOCK_REALTIME, which still has a meaning after
// a reboot.
#pragma once

#include <cstdint>
#include <string>

namespace pm {

std::uint64_t realtime_seconds();  // since the epoch
std::uint64_t realtime_ns();       // likewise
std::uint64_t boottime_ns();       // since boot, with the time that the host was suspended
double monotonic_seconds();        // since some fixed time: for durations within this process

std::string time_text(std::uint64_t ns);  // RFC 3339, UTC, of ns since the epoch

// How far apart the two clocks are, and in which boot.
struct ClockStamp {
    std::string boot;         // /proc/sys/kernel/random/boot_id; "-" if it cannot be read
    std::int64_t offset = 0;  // seconds from CLOCK_BOOTTIME to CLOCK_REALTIME
};
ClockStamp clock_stamp();
ClockStamp unknown_clock();  // of some other boot: nothing is ever moved by it

// The stamp as a line of a file, and read back. If the line has none, `boot` is empty.
std::string print_clock(const ClockStamp &stamp);
ClockStamp parse_clock(const std::string &line);

// By how many seconds the clock was set forward between two stamps. 0 if they are of different
// boots, if a boot is unknown, or if the difference may come from rounding.
std::int64_t clock_step(const ClockStamp &then, const ClockStamp &now);

}  // namespace pm
