// SPDX-License-Identifier: Apache-2.0
#include "policy/model/date.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int first_year = 2020, last_year = 2200;

// "2027-03-31" and nothing else: four digits, two, two.
bool is_written_as_date(const std::string &text) {
    constexpr std::string_view form = "0000-00-00";
    return std::ranges::equal(text, form, [](char c, char wanted) {
        return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
    });
}

}  // namespace

tl::expected<std::uint64_t, std::string> parse_date(const std::string &text) {
    if (!is_written_as_date(text))
        return tl::unexpected(
            fmt::format("{} is no date: write year, month and day as 2027-03-31", quote(text)));
    const auto number = [&](std::size_t at, std::size_t length) {
        return *parse_digits<unsigned>(text.substr(at, length));
    };
    const year_month_day date{std::chrono::year(static_cast<int>(number(0, 4))),
                              std::chrono::month(number(5, 2)), std::chrono::day(number(8, 2))};
    if (!date.ok()) return tl::unexpected(fmt::format("there is no day {}", text));
    if (const int year = static_cast<int>(date.year()); year < first_year || year > last_year)
        return tl::unexpected(
            fmt::format("the year of {} is not within {} and {}", text, first_year, last_year));
    const auto end = sys_days(date) + days(1);
    return static_cast<std::uint64_t>(end.time_since_epoch().count()) * ns_per_day;
}

std::string date_text(std::uint64_t end) {
    if (end == 0) return {};
    const year_month_day date{sys_days(days(static_cast<int>(end / ns_per_day) - 1))};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string expired_text(const std::string &row, std::uint64_t end) {
    return fmt::format("row '{}' would permit it, but its last day was {}", row, date_text(end));
}

}  // namespace pm
