// SPDX-License-Identifier: Apache-2.0
// A moment in the past, as people write it.
#pragma once

#include <cstdint>
#include <string>

#include "loader/base/fault.h"

namespace pm {

// "2026-11-30", "2026-11-30T14:00", "2026-11-30T14:00:05.250Z", "2026-11-30 14:00+02:00", "3d ago",
// "3d": in ns since the epoch. A day alone is its beginning; a
// fraction of a second goes to its last ns. UTC unless there is an offset. What is
// later than `now` is refused.
Result<std::uint64_t> parse_moment(const std::string &text, std::uint64_t now);

}  // namespace pm
