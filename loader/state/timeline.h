// SPDX-License-Identifier: Apache-2.0
// Which policy was in force when, by the history.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/state/history.h"

namespace pm {

// From a change of the policy until the next step.
struct Step {
    HistoryEntry entry;            // what began it
    std::uint64_t generation = 0;  // that was in force then
    // A first policy that nobody confirmed: it went on as an audit, which drops nothing.
    bool became_audit = false;
    std::vector<HistoryEntry> detached = {};  // what was taken off interfaces meanwhile
};

// Oldest first. `entries`: as read_history() has them.
std::vector<Step> steps_of(const std::vector<HistoryEntry> &entries);

// The step that lasted at `time` (ns since the epoch); null: no policy was in force.
const Step *step_at(const std::vector<Step> &steps, std::uint64_t time);

// Who put the policy in force first that this generation is: the entry of its apply, or of the
// rollback that made it; null: the history does not reach back so far.
const HistoryEntry *made_by(const std::vector<Step> &steps, std::uint64_t generation);

}  // namespace pm
