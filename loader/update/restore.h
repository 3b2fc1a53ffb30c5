// SPDX-License-Identifier: Apache-2.0
// What boot does: puts the last confirmed generation in force. The caller holds the writer's lock.
//
// 1. A generation is in force already: it stays, and is attached to what has come meanwhile, as
//    `watch` would do it.
// 2. Nothing was ever confirmed: nothing is done. The command then applies the host's policy file.
// 3. The confirmed generation can be put in force: it is. Its interfaces are found by name and
//    hardware address (attach/recognise.h). An absent one gets its programs all the same, so that
//    it is filtered from the moment at which `watch` makes its links; if all are absent, the
//    generation is in force and attached to nothing. An interface that cannot be attached to leaves
//    no other open. It is a fault, which says what is in force, if
//    - one of its interfaces is absent,
//    - a device is closed,
//    - one of its interfaces exists but cannot be attached to, or
//    - the bans cannot be read.
// 4. It cannot be put in force, and the failsafe rows of an earlier restore are in force: they
//    stay, and a note says why.
// 5. It cannot be put in force, and nothing is in force: the essentials and the failsafe rows that
//    can be found are put in force (stored_candidate.h). This is a fault, which says so. The next
//    restore tries the generation again.
// 6. Not even that is possible: a fault, and nothing is filtered.
//
// With Paths::leaves_newer, what a newer release has attached counts as left by others. If case 3
// fails before anything of it is removed, it stays, and that is a fault: it filters better than
// failsafe rows alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/update/outcome.h"

namespace pm {

// No value in case 2. `detached`: interfaces of the generation that stay unfiltered, because a
// command detached them.
Result<std::optional<Outcome>> restore(const Paths &paths,
                                       const std::vector<std::string> &detached = {});

}  // namespace pm
