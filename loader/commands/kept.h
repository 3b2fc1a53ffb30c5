// SPDX-License-Identifier: Apache-2.0
// Kept generations, as commands ask for them: by number, or by the time at which one was in force.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/state/policy_source.h"
#include "loader/state/store.h"
#include "loader/state/timeline.h"

namespace pm::command {

// Only root may.
Result<Store> open_kept();

// A usage fault if it is not kept, which says what is.
Done need_kept(const Store &store, std::uint64_t number);

// The policy of a kept generation, checked anew. Its set files have the content of then, and the
// names that they were read by.
Result<Source> read_kept(const Store &store, std::uint64_t number, Expectations expectations);
// The same where nothing but the policy is wanted; a fault if it has errors.
Result<Policy> kept_policy(const Store &store, std::uint64_t number);

struct PastPolicy {
    std::uint64_t generation = 0;
    std::uint64_t time = 0;   // that was asked for, ns since the epoch
    std::vector<Step> steps;  // up to that time; empty: the history does not reach back so far
    std::string description;  // a sentence: since when it was in force, and who did it
};
// `text`: as parse_moment() has it. The generation is kept.
Result<PastPolicy> policy_at(const Store &store, const std::string &text);

}  // namespace pm::command
