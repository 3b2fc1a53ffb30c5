// SPDX-License-Identifier: Apache-2.0
#include "loader/update/outcome.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"

#include <fmt/core.h>

namespace pm {
namespace {

Outcome outcome_of(const InForce &now) {
    return {now.catalog.generation, now.catalog.policy, now.catalog.sha256, now.mode, {}, {}, {}};
}

}  // namespace

Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Switch &control) {
    Outcome outcome;
    if (auto now = read_in_force(control))
        outcome = outcome_of(*now);
    else
        outcome.notes.push_back("warning: what is in force cannot be read: " + now.error().message);
    const pm_record record = control.state().record;
    for (const Pins::Interface &one : interfaces) {
        if (holds_on(record, one.number))
            outcome.interfaces.push_back(one.name());
        else
            outcome.notes.push_back(fmt::format("{} is now unfiltered", one.name()));
    }
    return outcome;
}

Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Rollout &rollout,
                    std::vector<std::string> notes) {
    Outcome outcome = outcome_now(interfaces, *rollout.control());
    notes.insert(notes.end(), rollout.notes().begin(), rollout.notes().end());
    outcome.notes.insert(outcome.notes.begin(), notes.begin(), notes.end());
    return outcome;
}

Done open_in_force(Rollout &rollout) {
    return rollout.open().and_then([&]() -> Done {
        if (rollout.pins() && rollout.before().mode != PM_MODE_OFF) return {};
        return fault("no policy is in force", "put one in force with 'portmatrix apply'");
    });
}

}  // namespace pm
