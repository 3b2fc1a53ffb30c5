// SPDX-License-Identifier: Apache-2.0
#include "loader/base/clock.h"

#include <time.h>

#include <cstdlib>
#include <sstream>

#include <fmt/chrono.h>
#include <fmt/core.h>

#include "loader/base/file.h"

namespace pm {
namespace {

constexpr std::int64_t rounding = 1;  // seconds
constexpr char unknown_boot = '-';    // in the place of a UUID

constexpr std::uint64_t ns_a_second = 1'000'000'000;

std::uint64_t ns_of(clockid_t clock) {
    timespec now = {};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * ns_a_second +
           static_cast<std::uint64_t>(now.tv_nsec);
}

std::int64_t seconds_of(clockid_t clock) {
    return static_cast<std::int64_t>(ns_of(clock) / ns_a_second);
}

}  // namespace

std::uint64_t realtime_seconds() {
    return static_cast<std::uint64_t>(seconds_of(CLOCK_REALTIME));
}

std::uint64_t realtime_ns() {
    return ns_of(CLOCK_REALTIME);
}

std::uint64_t boottime_ns() {
    return ns_of(CLOCK_BOOTTIME);
}

double monotonic_seconds() {
    return static_cast<double>(ns_of(CLOCK_MONOTONIC)) / 1e9;
}

std::string time_text(std::uint64_t ns) {
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), ns / 1'000'000 % 1000);
}

ClockStamp clock_stamp() {
    ClockStamp stamp;
    std::istringstream id(read_file("/proc/sys/kernel/random/boot_id").value_or(std::string()));
    if (!(id >> stamp.boot)) stamp.boot.assign(1, unknown_boot);
    stamp.offset = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
    return stamp;
}

ClockStamp unknown_clock() {
    return {.boot = std::string(1, unknown_boot), .offset = 0};
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
