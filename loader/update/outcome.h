// SPDX-License-Identifier: Apache-2.0
// What is in force, as a command reports it: which generation, on which interfaces, in which mode.
// What confirm, rollback and restore return.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"

namespace pm {

class Rollout;
class Switch;

struct Outcome {
    std::uint64_t generation = 0;  // 0: only essentials and failsafe rows
    std::string policy;            // its name
    std::string sha256;
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;  // that it is attached to
    std::vector<std::string> absent;      // that it will be attached to when they come
    std::vector<std::string> notes;       // what the user should know, a sentence each
    bool changed = true;                  // false: it was in force already
    // Of restore alone:
    std::vector<std::string> not_attached;  // why not on its other interfaces, a sentence each
    std::vector<std::string> closed;        // what is closed, and why, a sentence each
    std::string unread_bans;                // why no stored ban is in force; empty: all are
};

// "on eth0; eth1 is absent"
std::string places_text(const Outcome &outcome);

// What is in force now, and on which of `interfaces`. These are read before the switch: after it
// nothing may fail, or a change that was made would be reported as a fault. What cannot be read is
// a note.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Switch &control);

// The same. First come `notes`, then those of the rollout.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Rollout &rollout,
                    std::vector<std::string> notes = {});

}  // namespace pm
