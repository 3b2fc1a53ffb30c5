// SPDX-License-Identifier: Apache-2.0
// A generation that was kept, as a candidate to put in force again.
#pragma once

#include "loader/update/rollout.h"

namespace pm {

// As compiled then, sets included; or, where the compiled form is damaged or of another layout,
// compiled anew from the policy kept beside it. `notes` says so. With `unfit` on those interfaces
// that can be attached to: see targets_named().
Result<Candidate> revive(const Store &store, const Generation &generation, const Rollout &rollout,
                         std::vector<std::string> &notes,
                         std::vector<std::string> *unfit = nullptr);

// What remains when nothing whole can be read: the failsafe rows of the newest generation whose
// policy is readable, else no row at all; essentials pass in any case.
struct Remainder {
    Candidate candidate;           // partly
    std::uint64_t generation = 0;  // whose rows they are; 0: none
};
Result<Remainder> remainder(const Store &store, const Rollout &rollout);

}  // namespace pm
