// SPDX-License-Identifier: Apache-2.0
// Durations as people write them.
#pragma once

#include <cstdint>
#include <string>

#include "loader/base/fault.h"

namespace pm {

// Seconds of "90s", "10m", "2h" or "7d"; at least 1, at most ten years. A bare number is refused:
// nobody knows its unit.
Result<std::uint64_t> parse_duration(const std::string &text);

}  // namespace pm
