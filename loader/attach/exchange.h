// SPDX-License-Identifier: Apache-2.0
// Puts other programs on the hooks while packets go by: those of this build (an upgrade), or the
// same with larger slots for images and bans (growth). Flows, counters and what is in force stay.
// No packet goes by unjudged. The caller holds the writer's lock.
//
// Growth
//   A BPF map cannot grow, and a program is loaded for the maps that it uses. So:
//   1. a map like `images` or `bans` with larger slots is made and filled with the same content;
//   2. it is pinned as PINS/next_NAME;
//   3. for each interface, programs that use the new map are loaded, pinned as next_..._program,
//      put behind the links (the kernel swaps them at once, see replace() in attach.h), and their
//      pins are renamed over the old ones;
//   4. the probe programs are replaced alike;
//   5. `abi` gets the hash of this build's programs;
//   6. the pins of the new maps are renamed over the old ones.
//   The caller opens the pins again afterwards.
//
// Upgrade
//   Steps 3 to 5 alone, over the same maps. The map `abi` tells from which build the programs are.
//
// Interruption
//   Nobody writes to the maps meanwhile, so old and new programs judge alike, whichever an
//   interface has. The pin next_NAME says that growth is not finished. Whoever changes something
//   next calls finish_replacing(), which begins again at step 3 with the pinned copy. An upgrade
//   that was interrupted is seen by the hash in `abi`, and done again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"

namespace pm {

// Sizes of a slot in bytes, powers of two; 0: as it is now.
struct SlotSizes {
    std::uint32_t image = 0;
    std::uint32_t bans = 0;
};

// Does all of the above; the maps grow only where a larger size is asked for.
Done replace_programs(const Paths &paths, const SlotSizes &sizes);

// Finishes the growth that an interrupted replace_programs() began. To be called before anything
// is written: until it is finished, some programs read a copy of the maps.
Done finish_replacing(const Paths &paths, const Pins &pins);

// Do the pinned programs come from another build than this?
Result<bool> is_other_build(const Pins &pins);

// The size of a slot that has room for twice `bytes`, and is at least `minimum`.
std::uint32_t slot_size_for(std::size_t bytes, std::uint32_t minimum);

}  // namespace pm
