// SPDX-License-Identifier: Apache-2.0
#include "loader/clock.h"

#include <time.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/core.h>

namespace pm {
namespace {

constexpr std::int64_t rounding = 1;  // seconds
constexpr char unknown_boot = '-';    // in the place of a UUID

std::int64_t seconds_of(clockid_t clock) {
    timespec now = {};
    clock_gettime(clock, &now);
    return now.tv_sec;
}

}  // namespace

std::uint64_t realtime_seconds() {
    return static_cast<std::uint64_t>(seconds_of(CLOCK_REALTIME));
}

std::uint64_t realtime_ns() {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

ClockStamp clock_stamp() {
    ClockStamp stamp;
    if (!(std::ifstream("/proc/sys/kernel/random/boot_id") >> stamp.boot))
        stamp.boot.assign(1, unknown_boot);
    stamp.offset = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
    return stamp;
}

std::string print_clock(const ClockStamp &stamp) {
    return fmt::format("clock {} {}", stamp.boot, stamp.offset);
}

ClockStamp parse_clock(const std::string &line) {
    std::istringstream words(line);
    std::string key, more;
    ClockStamp stamp;
    if (!(words >> key >> stamp.boot >> stamp.offset) || key != "clock" || words >> more) return {};
    return stamp;
}

std::int64_t clock_step(const ClockStamp &then, const ClockStamp &now) {
    if (then.boot.empty() || then.boot[0] == unknown_boot || then.boot != now.boot) return 0;
    const std::int64_t step = now.offset - then.offset;
    return std::llabs(step) <= rounding ? 0 : step;
}

}  // namespace pm
