// SPDX-License-Identifier: Apache-2.0
// Takes over what a release with an older layout of the maps has attached, while packets go by. No
// packet goes by unjudged, and flows, counters, bans and what is in force stay. The caller holds
// the writer's lock, so that nobody else changes what is in force meanwhile.
//
// Steps
//   1. Maps that the layouts since then have changed or added (layouts.h) are made and pinned in
//      PINS/layout-VERSION. The map `abi` of the older layout is pinned there as `from`. All other
//      maps are used as they are.
//   2. For every interface, programs of this build that use these maps are loaded and pinned as
//      next_..._program. Its counters are pinned as next_rows if they change, and the probe
//      programs as next_ask_....
//   3. The new map `abi` is pinned in the folder. The changed maps are filled from the old ones.
//   4. PINS/layout-VERSION/abi is renamed over PINS/abi. From now on the pins are of this layout.
//   5. The programs are put behind the links and filters of each interface. The kernel swaps them
//      at once (see replace() in attach.h).
//   6. Entries that the old programs have made since step 3 are added.
//   7. The pins are renamed over the old ones. Those of maps that nobody uses any more are removed,
//      and at last the folder.
//
// Failure
//   If one of steps 1 to 4 fails, what they made is removed, and all is as before.
//
// Interruption
//   Before step 4 the older release, and its programs, know nothing of the new maps: the next to
//   take over begins anew. From step 4 on `abi` has this layout and the folder is there: the next
//   to take over goes on with step 5. Whatever was done is done again, which changes nothing.
//   Meanwhile every interface is filtered, by old or by new programs.
//
//   A takeover to another layout than this that was interrupted there is finished first.
//
// What is lost
//   Of maps that are used as they are: nothing.
//   Of changed maps: what the old programs write to an entry after it was copied in step 3. That
//   takes milliseconds, or the time until a takeover that was interrupted is finished.
//   A new flow of that time is added in step 6. Packets that it sends in between may be dropped as
//   of an unknown flow. An entry that the new programs have removed by then comes back, and ends by
//   its idle time.
//   And the order in which a full table forgets its flows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/attach/layout_steps.h"
#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// What was taken over, in a sentence. Empty: nothing is attached, its layout is that of this
// release, or it is newer (Pins::open() says so). A fault: the programs of the older release go on
// filtering, or some of those of this one do already.
Result<std::string> take_over_layout(const Paths &paths);

// Is there something that take_over_layout() has to do?
bool is_of_older_layout(const Paths &paths);

// For tests, which make a release older or newer.
// The layout that it was before; nothing: there was nothing to do.
Result<std::optional<std::uint32_t>> change_layout(const Paths &paths, const LayoutTarget &target);

}  // namespace pm
