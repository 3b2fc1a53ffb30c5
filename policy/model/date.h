// SPDX-License-Identifier: Apache-2.0
// The date of a row: the last day on which it permits what begins a flow. It ends at 24:00 UTC.
#pragma once

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

namespace pm {

inline constexpr std::uint64_t ns_per_day = 86'400'000'000'000;

// "2027-03-31" as the ns of UTC at which that day ends. The error is a sentence with the remedy.
tl::expected<std::uint64_t, std::string> parse_date(const std::string &text);

// And back. 0, which is no date: an empty text.
std::string date_text(std::uint64_t end);

// "row 'partner' would permit it, but its last day was 2027-03-31"
std::string expired_text(const std::string &row, std::uint64_t end);

}  // namespace pm
