// SPDX-License-Identifier: Apache-2.0
// When the parachute (parachute/render.h) is loaded, kept and taken away. The caller of each holds
// the writer's lock. What is done stands in the history, as `parachute`.
//
//   raise   by restore, and by watch, where an interface of the confirmed policy exists and its
//           programs cannot be loaded or attached, or where no program filters at all
//   keep    by watch, if another removed the table
//   lower   by whoever has put the programs on every interface, after the switch; and by detach
//
// Which policy it is of: choice.h.
#pragma once

#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// What was done, a sentence; nothing: there was nothing to do. A fault: the host may be open. The
// caller records it (record_not_loaded()), but not each time that it tries again.
using ParachuteChange = Result<std::optional<std::string>>;

// `why`: what went wrong with the programs.
ParachuteChange raise_parachute(const Paths &paths, const std::string &why);

// Loads it again if it should be there and is not.
ParachuteChange keep_parachute(const Paths &paths);

// If the one that is loaded is not that of the confirmed generation, tries to load that. A fault:
// it cannot be, and the other stays.
ParachuteChange improve_parachute(const Paths &paths);

void record_not_loaded(const Paths &paths, const Fault &fault);

// Takes it away if the programs filter every interface of the confirmed policy that exists.
ParachuteChange lower_parachute(const Paths &paths);

// Takes it away in any case.
ParachuteChange drop_parachute(const Paths &paths);

// Loads it anew, or takes it away, if other interfaces need it now. No copy of the one before is
// left.
ParachuteChange adjust_parachute(const Paths &paths);

// Is its table there, and meant to be?
bool is_parachute_loaded(const Paths &paths);

// If it is loaded, its note says so with the present time, for whoever cannot ask nftables.
Done note_that_it_is_there(const Paths &paths);

// Is its table there? Not, where the kernel does not say.
bool has_parachute_table();

// Puts the bans of the state folder into it, if it is loaded. Its copy has them after the next look
// of `watch`.
Done ban_in_parachute(const Paths &paths);
// The same after bans were lifted: a copy that has them still has gone on return.
Done unban_in_parachute(const Paths &paths);

}  // namespace pm
