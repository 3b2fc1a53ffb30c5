// SPDX-License-Identifier: Apache-2.0
// A generation of the state folder, as a candidate to put in force again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/state/store.h"
#include "loader/update/candidate.h"

namespace pm {

class Rollout;

// The policy as stored. Its sets have the content that their files had then, but name the files
// where they were read: an apply without a policy reads these again.
Result<Policy> stored_policy(const Store &store, std::uint64_t number);

struct StoredCandidate {
    Candidate candidate;
    // Why the candidate is not on other interfaces of the generation, a sentence each. Always empty
    // with Extent::all_or_none.
    std::vector<std::string> not_attached;
    std::vector<std::string> notes;  // for the user: that it was compiled anew, and why
};

// The image as it was compiled then, sets included. If it is damaged or of another layout, it is
// compiled anew from the policy and the set files that are stored beside it.
Result<StoredCandidate> stored_candidate(const Store &store, const Generation &generation,
                                         const Rollout &rollout, Extent extent);

struct FailsafeCandidate {
    Candidate candidate;
    std::uint64_t generation = 0;  // whose failsafe rows they are; 0: there is no row
};

// What is left if no generation can be put in force whole: the failsafe rows of the newest
// confirmed generation whose policy can be read, else no row at all. The essentials pass in any
// case. It is for the interfaces of the newest confirmed generation that can be read; if there is
// none, for every interface of this host that can be filtered.
Result<FailsafeCandidate> failsafe_candidate(const Store &store, const Rollout &rollout);

}  // namespace pm
