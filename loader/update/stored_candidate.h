// SPDX-License-Identifier: Apache-2.0
// A generation of the state folder, as a candidate to put in force again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/attach/known_targets.h"
#include "loader/base/fault.h"
#include "loader/state/store.h"
#include "loader/update/candidate.h"

namespace pm {

class Rollout;

// The policy as stored. Its sets have the content that their files had then, but name the files
// where they were read: an apply without a policy reads these again.
Result<Policy> stored_policy(const Store &store, std::uint64_t number);
// Of a policy that was read from the store: its set files get the names that they were read by.
void name_set_files_as_read(const Store &store, std::uint64_t number, Policy &policy);
// What is known of the interfaces of a generation. `detached`: those that `detach` took away, which
// get no target.
KnownNics known_nics(const Generation &generation, std::vector<std::string> detached = {});

// The stored generation with this number, confirmed or not. For 0, the failsafe rows that a restore
// may leave in force: the newest confirmed one that can be read.
Result<Generation> generation_known(const Store &store, std::uint64_t number);

// If an earlier release stored the confirmed generation, and all its interfaces are there: stores
// what they are known by from now on.
void remember_nics(const Store &store, const Generation &generation,
                   const std::vector<Target> &targets);

struct StoredCandidate {
    Candidate candidate;
    // Why the candidate is not on other interfaces of the generation, a sentence each. Always empty
    // with Extent::all_or_none.
    std::vector<std::string> not_attached;
    std::vector<std::string> notes;  // for the user: that it was compiled anew, and why
};

// The image as it was compiled then, sets included. If it is damaged or of another layout, or if an
// interface is to be closed, it is compiled anew from the policy and the set files that are stored
// beside it.
Result<StoredCandidate> stored_candidate(const Store &store, const Generation &generation,
                                         KnownTargets targets, const Rollout &rollout,
                                         Extent extent);

struct FailsafeCandidate {
    Candidate candidate;
    std::uint64_t generation = 0;  // whose failsafe rows they are; 0: there is no row
};

// What is left if no generation can be put in force whole: the failsafe rows of the newest
// confirmed generation whose policy can be read, else no row at all. The essentials pass in any
// case. It is for the interfaces of the newest confirmed generation that can be read; if there is
// none, for every interface of this host that can be filtered. In any case not for those `detached`
// by command.
Result<FailsafeCandidate> failsafe_candidate(const Store &store, const Rollout &rollout,
                                             const std::vector<std::string> &detached);

}  // namespace pm
