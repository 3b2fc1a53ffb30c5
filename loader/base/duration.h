// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/base/fault.h"

namespace pm {

// "90s", "10m", "2h" or "7d" in seconds: at least one second, at most ten years. A number without a
// unit is refused, as people would mean different units.
Result<std::uint64_t> parse_duration(const std::string &text);

// "45s", "14m59s", "3h12m", "2d4h": the two largest units.
std::string duration_text(std::uint64_t seconds);

// How long a ban lasts, in seconds; none: for ever. That is also what more than a hundred years
// are: whoever counts bans up, as fail2ban does, means a longer ban by a larger number.
Result<std::optional<std::uint64_t>> parse_ban_time(const std::string &text);

}  // namespace pm
