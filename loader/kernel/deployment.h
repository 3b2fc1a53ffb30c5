// SPDX-License-Identifier: Apache-2.0
// What is pinned on this host, and what of it is in force. A reader begins with open_deployment().
// A writer begins with a Rollout (loader/update), which also finishes what was interrupted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/base/paths.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "policy/image/catalog.h"

namespace pm {

// What comes back unless the policy in force is confirmed.
struct Fallback {
    std::uint64_t generation = 0;  // 0: what a restore left that failed, or it cannot be read
    std::string policy;            // empty: it cannot be read
    pm_mode mode = PM_MODE_OFF;
};

// The policy in force. `catalog` has generation 0 and no rows where none was ever put in force.
struct InForce {
    Switch::State state;
    pm_mode mode = PM_MODE_OFF;
    Catalog catalog;
    // Seconds until an unconfirmed policy is rolled back.
    std::optional<std::uint64_t> seconds_left;
    Fallback fallback = {};  // while `seconds_left` has a value
    std::uint32_t map = 0;   // the id of the map `control` that it was read from, see Deployment
};
// `known`: what was read of the same maps before; its catalog is used again if nothing has changed.
Result<InForce> read_in_force(const Switch &control, const InForce *known = nullptr);

// `in_force` is as of the opening; `control` also says what is in force now.
struct Deployment {
    Pins pins;
    Switch control;  // opened to be read
    InForce in_force;
};

// Nothing, if nothing is attached. `access` is that of the maps: with Access::read no privilege is
// needed but to read the pins, and the switch is copied instead of shared memory. `known`: what was
// read before. Its catalog is used again if it is still that of the policy in force, which saves
// reading a large one again.
Result<std::optional<Deployment>> open_deployment(const Paths &paths, Access access = Access::write,
                                                  const InForce *known = nullptr);

// The same of pins that are open already.
Result<Deployment> read_deployment(Pins pins, const InForce *known = nullptr);

Fault nothing_attached();
Fault no_policy_in_force();

// As open_deployment(), but it is the fault `missing` if nothing is attached.
Result<Deployment> need_deployment(const Paths &paths, const Fault &missing = nothing_attached());

}  // namespace pm
