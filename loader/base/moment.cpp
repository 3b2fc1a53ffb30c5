// SPDX-License-Identifier: Apache-2.0
#include "loader/base/moment.h"

#include <chrono>
#include <optional>
#include <string_view>

#include <fmt/core.h>

#include "loader/base/duration.h"
#include "policy/base/text.h"

namespace pm {
namespace {

constexpr std::uint64_t one_second = 1'000'000'000;  // in ns

// Takes what is at the beginning of a text, or fails for good.
class Taker {
public:
    explicit Taker(std::string_view text) : rest_(text) {}

    unsigned number(std::size_t digits, unsigned most) {
        const auto value = parse_digits<unsigned>(rest_.substr(0, digits));
        if (rest_.size() < digits || !value || *value > most) {
            is_good = false;
            return 0;
        }
        rest_.remove_prefix(digits);
        return *value;
    }

    // One of these characters; 0: none of them.
    char one_of(std::string_view characters) {
        if (rest_.empty() || characters.find(rest_[0]) == std::string_view::npos) return 0;
        const char taken = rest_[0];
        rest_.remove_prefix(1);
        return taken;
    }

    void must(char character) { is_good &= one_of({&character, 1}) != 0; }

    // Digits behind a point, as ns: the last one that is printed so. Whoever copies the time of a
    // change from the history means what was in force from then on.
    std::uint64_t fraction() {
        std::uint64_t value = 0, unit = one_second / 10;
        bool any = false;
        for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1)) {
            value += unit * static_cast<std::uint64_t>(rest_[0] - '0');
            unit /= 10;
            any = true;
        }
        is_good &= any;
        return unit == 0 ? value : value + unit * 10 - 1;
    }

    bool ended() const { return is_good && rest_.empty(); }

    bool is_good = true;

private:
    std::string_view rest_;
};

// None: it is no date, or one before 1970.
std::optional<std::uint64_t> parse_date(std::string_view text) {
    namespace time = std::chrono;
    Taker take(text);
    const unsigned year = take.number(4, 9999);
    take.must('-');
    const unsigned month = take.number(2, 12);
    take.must('-');
    const unsigned day = take.number(2, 31);
    const time::year_month_day date{time::year(static_cast<int>(year)), time::month(month),
                                    time::day(day)};
    if (!take.is_good || !date.ok() || year < 1970) return std::nullopt;
    std::int64_t seconds = time::sys_days(date).time_since_epoch().count() * std::int64_t{86'400};
    std::uint64_t ns = 0;
    if (take.one_of("T ")) {
        seconds += std::int64_t{3600} * take.number(2, 23);
        take.must(':');
        seconds += std::int64_t{60} * take.number(2, 59);
        if (take.one_of(":")) {
            seconds += take.number(2, 60);
            if (take.one_of(".")) ns = take.fraction();
        }
        if (const char sign = take.one_of("+-Z"); sign && sign != 'Z') {
            std::int64_t offset = std::int64_t{3600} * take.number(2, 14);
            take.must(':');
            offset += std::int64_t{60} * take.number(2, 59);
            seconds += sign == '+' ? -offset : offset;
        }
    }
    if (!take.ended() || seconds < 0) return std::nullopt;
    return static_cast<std::uint64_t>(seconds) * one_second + ns;
}

}  // namespace

Result<std::uint64_t> parse_moment(const std::string &text, std::uint64_t now) {
    constexpr std::string_view ago = " ago";
    const bool is_ago = text.ends_with(ago);
    if (const auto past =
            parse_duration(is_ago ? text.substr(0, text.size() - ago.size()) : text)) {
        const std::uint64_t ns = *past * one_second;
        return ns < now ? now - ns : 0;
    }
    const auto moment = is_ago ? std::nullopt : parse_date(text);
    if (!moment)
        return fault(fmt::format("{} is no time", quote(text)),
                     "write a day as 2026-11-30, a time as 2026-11-30T14:00 (UTC) or "
                     "2026-11-30T14:00+02:00, or how long ago, as 3d",
                     Exit::usage);
    if (*moment > now)
        return fault(fmt::format("{} is later than now", quote(text)),
                     "times are UTC unless an offset follows, as +02:00", Exit::usage);
    return *moment;
}

}  // namespace pm
