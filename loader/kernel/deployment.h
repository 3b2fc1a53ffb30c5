// SPDX-License-Identifier: Apache-2.0
// What is in force on this host, read from what is pinned.
#pragma once

#include <cstdint>
#include <optional>

#include "loader/kernel/switch.h"
#include "policy/image/catalog.h"

namespace pm {

// The policy in force. `catalog` has generation 0 and no rows where none was ever put in force.
struct InForce {
    Switch::State state;
    pm_mode mode = PM_MODE_OFF;
    Catalog catalog;
    // Seconds until an unconfirmed policy is rolled back.
    std::optional<std::uint64_t> seconds_left;
};
// `known`: what was read of the same maps before; its catalog is taken if nothing has changed.
Result<InForce> read_in_force(const Switch &control, const InForce *known = nullptr);

}  // namespace pm
