// SPDX-License-Identifier: Apache-2.0
// When a compiled policy is asked: what rows with a date, and bans, are held against.
#pragma once

#include <cstdint>

#include "maps/image.h"

namespace pm {

std::uint64_t utc_now();  // ns, by this host's clock

// Now, for a flow that begins now. An image in a slot of the kernel knows how far apart the clocks
// are, as the programs read it; for any other it is this host's clock.
pm_moment present(pm_view image);

// Now, for a flow that began `seconds` ago.
pm_moment present_since(pm_view image, double seconds);

// Before every date: each row counts, whatever its date.
inline constexpr pm_moment before_every_date{.now = 0, .begun = 0};

}  // namespace pm
