// SPDX-License-Identifier: Apache-2.0
// What is in force stays in force, whoever removes pins. `watch` asks for it at each look, under
// the writer's lock.
//
// - Pins that others removed are made again from descriptors (kernel/held_pins.h). Nothing was
//   detached meanwhile. Pins that another mount hides are out of sight, which is the same.
// - What a release with an older layout has attached is taken over (attach/layout_takeover.h).
//   While that fails, its pins are held and made again like any others.
// - If nothing is in force, or failsafe rows alone, but a generation is confirmed, it is put in
//   force: `watch` did not run when the pins went, or the first policy was interrupted.
//
// What was detached by command stays detached. state/detached.h says so, and `detach` writes that
// before it begins. If an interface is detached by that list, but the policy still holds there,
// `detach` was killed in between: the list is corrected.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/base/retry.h"
#include "loader/kernel/held_pins.h"
#include "loader/update/outcome.h"

namespace pm {

struct KeeperReport {
    std::vector<std::string> done;      // what was put right, a sentence each
    std::vector<std::string> told;      // likewise, and it stands in the history already
    std::vector<std::string> problems;  // what could not be, a sentence each
    bool is_held = false;  // what is in force has no pins that can be read: programs filter by it
    // The maps have an older layout and cannot be taken over. Programs filter by them.
    bool is_older = false;
};

class Keeper {
public:
    explicit Keeper(Paths paths) : paths_(std::move(paths)) {}

    // At the beginning of a look.
    KeeperReport look();
    // Of that, the pins alone.
    KeeperReport look_at_pins();
    // At its end: holds what is pinned by now.
    Done hold();

private:
    void keep_pins(KeeperReport &report);
    void restore_lost(KeeperReport &report);
    void report_not_restored(std::string text, KeeperReport &report);
    void report_failsafe(const Outcome &outcome, KeeperReport &report);
    void end_takeover(KeeperReport &report);
    void take_over_older(KeeperReport &report);

    Paths paths_;
    HeldPins held_;
    std::vector<std::string> detached_;  // names of interfaces that were detached by command
    Retry restored_, taken_over_;
    std::string not_restored_, not_taken_over_;  // why the last try failed
};

}  // namespace pm
