// SPDX-License-Identifier: Apache-2.0
// What is in force after a command that puts a generation in force again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/kernel/switch.h"
#include "loader/update/rollout.h"

namespace pm {

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

// What is in force on which of these interfaces. They are read before a change, so that nothing
// after it can fail and be taken for a change that was not made. `notes` come first, then those of
// the rollout.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Rollout &rollout,
                    std::vector<std::string> notes = {});

// The same without notes.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Switch &control);

// Opens the rollout. A fault where no policy is in force.
Done open_in_force(Rollout &rollout);

}  // namespace pm
