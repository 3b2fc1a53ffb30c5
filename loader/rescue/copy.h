// SPDX-License-Identifier: Apache-2.0
// The copy of the loaded parachute that a flush by others leaves in force (host/nft_hold.h). It has
// the bans of when it was made. What takes something from the parachute lets go of the copy, and
// `watch` makes another.
#pragma once

#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/base/retry.h"
#include "loader/host/nft_hold.h"
#include "loader/parachute/note.h"

namespace pm {

// Returns once there is no copy. The caller holds the writer's lock.
Done let_go_of_parachute(const Paths &paths);

// What `watch` does for it.
class ParachuteCopy {
public:
    explicit ParachuteCopy(Paths paths);

    // Under the writer's lock, with each look. Makes a copy of what is loaded if there is none, or
    // if another parachute or other bans are loaded since. Lets go of it where none is loaded.
    // Returns what is wrong, once; empty: nothing.
    std::string keep();

private:
    Done make(const parachute::Note &note);
    std::string keep_of(const parachute::Note &note);
    std::string tell(const std::string &problem);

    Paths paths_;
    HeldTable table_;
    std::string source_;  // what the copy was made of
    Retry made_;
    std::string reported_;
};

}  // namespace pm
