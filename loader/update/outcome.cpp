// SPDX-License-Identifier: Apache-2.0
#include "loader/update/outcome.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/update/rollout.h"

namespace pm {

std::string places_text(const Outcome &outcome) {
    std::string text = outcome.interfaces.empty()
                           ? "on no interface"
                           : fmt::format("on {}", fmt::join(outcome.interfaces, ", "));
    if (!outcome.absent.empty())
        text += fmt::format("; {} {} absent", fmt::join(outcome.absent, ", "),
                            outcome.absent.size() == 1 ? "is" : "are");
    return text;
}

Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Switch &control) {
    Outcome outcome;
    if (auto now = read_in_force(control)) {
        outcome.generation = now->catalog.generation;
        outcome.policy = now->catalog.policy;
        outcome.sha256 = now->catalog.sha256;
        outcome.mode = now->mode;
    } else {
        outcome.notes.push_back("warning: what is in force cannot be read: " + now.error().message);
    }
    const pm_record record = control.state().record;
    for (const Pins::Interface &one : interfaces) {
        if (one.entry.stranger != 0) continue;
        if (holds_on(record, one.number))
            (one.entry.ifindex == 0 ? outcome.absent : outcome.interfaces).push_back(one.name());
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

}  // namespace pm
