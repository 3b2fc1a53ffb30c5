// SPDX-License-Identifier: Apache-2.0
// What becomes of a policy after its apply: kept, taken back, put in force again at boot. The
// caller holds the writer's lock.
#pragma once

#include "loader/rollout.h"

namespace pm {

// What is in force after the command.
struct Outcome {
    std::uint64_t generation = 0;
    std::string policy;
    std::string sha256;
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;
    std::vector<std::string> notes;
    std::vector<std::string> unfit;  // of restore: why not on its other interfaces
    std::string lost_bans = {};      // of restore: why no ban is in force; empty: they are
    bool changed = true;             // else it was so before
};

// Keeps the policy that waits to be confirmed. Past its deadline: refused.
Result<Outcome> confirm(const Places &places);

// One step back: from a policy that waits to be confirmed to its fallback, else to the one that
// was confirmed before; from there, back again.
Result<Outcome> roll_back(const Places &places);

// Puts the last confirmed generation in force, if no generation is yet. Nothing was ever confirmed:
// no value. If it cannot be, the essentials and what failsafe rows can be found are put in force,
// and the fault says so; if they are already, they stay, and a note says why. Likewise a fault
// where one of the interfaces cannot be attached to, and it is in force on the others; or where the
// bans cannot be read, and it is in force without them.
Result<std::optional<Outcome>> restore(const Places &places);

// Attaches the generation in force to those of its interfaces that have none of our programs, such
// as one that came late, but for those that were detached by command. Nothing where a policy waits
// to be confirmed.
struct Late {
    std::vector<std::string> attached;
    std::vector<std::string> unfit;  // why not to others, a sentence each
    std::vector<std::string> notes;
};
Result<Late> attach_missing(const Places &places);

// After a command that was killed between disk and kernel: what boot puts in force is what is in
// force now.
Done reconcile(Store &store, const InForce &now);

}  // namespace pm
