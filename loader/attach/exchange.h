// SPDX-License-Identifier: Apache-2.0
// Other programs behind the same links: those of this build, or with larger slots for images and
// bans. Flows, counters and what is in force stay; no packet goes by unjudged. The caller holds
// the writer's lock.
#pragma once

#include <cstdint>

#include "loader/kernel/pins.h"

namespace pm {

// Sizes of a slot in bytes, powers of two; 0: as now.
struct SlotSizes {
    std::uint32_t image = 0;
    std::uint32_t bans = 0;
};

// Loads the programs again, over larger maps where that is asked for, and replaces those of
// every interface and the probes. Killed at any instant it leaves old and new programs that
// judge alike, and who writes next calls finish_replacing().
Done replace_programs(const Paths &paths, const SlotSizes &sizes);

// Ends what an interrupted replace_programs() began, before anything else is written: until then
// some programs read a copy of the maps.
Done finish_replacing(const Paths &paths, const Pins &pins);

// Do the pinned programs come from another build than this?
Result<bool> is_other_build(const Pins &pins);

// A slot that holds `bytes` with as much room again, at least `minimum`.
std::uint32_t slot_size_for(std::size_t bytes, std::uint32_t minimum);

}  // namespace pm
