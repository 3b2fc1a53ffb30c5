// SPDX-License-Identifier: Apache-2.0
#include "loader/base/duration.h"

#include <charconv>
#include <limits>

#include <fmt/core.h>

namespace pm {
namespace {

constexpr std::uint64_t hour = 3600, day = 24 * hour;
constexpr std::uint64_t longest = 10 * 365 * day;
constexpr std::uint64_t longest_ban = 100 * 366 * day;

// 0: it is no unit.
std::uint64_t seconds_of(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return hour;
        case 'd':
            return day;
        default:
            return 0;
    }
}

// What no number holds is the highest one.
Result<std::uint64_t> parse_seconds(const std::string &text) {
    constexpr std::uint64_t highest = std::numeric_limits<std::uint64_t>::max();
    const char *end = text.data() + text.size();
    std::uint64_t count = 0;
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    const bool is_too_much = error == std::errc::result_out_of_range;
    const bool is_number = error == std::errc() || is_too_much;
    const std::uint64_t unit = is_number && rest + 1 == end ? seconds_of(*rest) : 0;
    if (unit == 0)
        return fault(fmt::format("'{}' is no duration", text),
                     "write a number and s, m, h or d, such as 60s or 10m", Exit::usage);
    return is_too_much || count > highest / unit ? highest : count * unit;
}

}  // namespace

Result<std::uint64_t> parse_duration(const std::string &text) {
    auto seconds = parse_seconds(text);
    if (!seconds) return seconds;
    if (*seconds == 0 || *seconds > longest)
        return fault(fmt::format("'{}' is not between a second and ten years", text), {},
                     Exit::usage);
    return seconds;
}

Result<std::optional<std::uint64_t>> parse_ban_time(const std::string &text) {
    // fail2ban writes -1 for a ban without end, and its action adds the unit.
    if (text == "-1" || text == "-1s") return std::nullopt;
    auto seconds = parse_seconds(text);
    if (!seconds) return tl::unexpected(seconds.error());
    if (*seconds == 0)
        return fault(fmt::format("'{}' is less than a second", text),
                     "to ban until it is lifted, leave --for out", Exit::usage);
    return *seconds > longest_ban ? std::nullopt : std::optional(*seconds);
}

std::string duration_text(std::uint64_t seconds) {
    const std::uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (days) return fmt::format("{}d{}h", days, hours % 24);
    if (hours) return fmt::format("{}h{}m", hours, minutes % 60);
    return minutes ? fmt::format("{}m{}s", minutes, seconds % 60) : fmt::format("{}s", seconds);
}

}  // namespace pm
