// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/event_names.h"

#include <utility>

#include "loader/base/paths.h"
#include "policy/image/catalog.h"

namespace pm::command {

void EventNames::refresh() {
    // A policy that was not confirmed in time is rolled back without a new epoch.
    const Switch::State state = control_.state();
    if (state.epoch == epoch_ && state.expired == in_force_.state.expired) return;
    // Opened anew: a policy that outgrew its memory lies in another map than the one before.
    auto deployment = need_deployment(Paths::from_environment());
    if (!deployment) return;
    auto interfaces = deployment->pins.interfaces();
    if (!interfaces) return;
    in_force_ = std::move(deployment->in_force);
    epoch_ = in_force_.state.epoch;
    for (const Pins::Interface &one : *interfaces) interfaces_[one.number] = one.name();
    for (const CatalogRow &row : in_force_.catalog.rows) rows_[row.slot] = row.id;
}

std::string EventNames::interface(unsigned number) const {
    const auto found = interfaces_.find(number);
    return found == interfaces_.end() ? "?" : found->second;
}

std::string EventNames::row(std::uint16_t slot) const {
    const auto found = rows_.find(slot);
    return found == rows_.end() ? "" : found->second;
}

}  // namespace pm::command
