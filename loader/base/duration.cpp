// SPDX-License-Identifier: Apache-2.0
#include "loader/base/duration.h"

#include <charconv>

#include <fmt/core.h>

namespace pm {

Result<std::uint64_t> parse_duration(const std::string &text) {
    constexpr std::uint64_t longest = 10ull * 365 * 24 * 3600;
    const char *end = text.data() + text.size();
    std::uint64_t count = 0;
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    std::uint64_t unit = 0;
    if (error == std::errc() && rest + 1 == end) {
        switch (*rest) {
            case 's':
                unit = 1;
                break;
            case 'm':
                unit = 60;
                break;
            case 'h':
                unit = 3600;
                break;
            case 'd':
                unit = 24 * 3600;
                break;
            default:
                break;
        }
    }
    if (unit == 0)
        return fault(fmt::format("'{}' is no duration", text),
                     "write a number and s, m, h or d, such as 60s or 10m", Exit::usage);
    if (count == 0 || count > longest / unit)
        return fault(fmt::format("'{}' is not between a second and ten years", text), {},
                     Exit::usage);
    return count * unit;
}

}  // namespace pm
