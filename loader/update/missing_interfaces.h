// SPDX-License-Identifier: Apache-2.0
// The interfaces of the policy in force, compared with what the host has now. The caller holds the
// writer's lock.
//
// An absent NIC that has a number needs only its links when it comes: `watch` makes them at once.
// The generation is put in force anew only where that is not enough:
// - a NIC or a closed device has no number yet,
// - a device is to be closed, or to be opened again,
// - two NICs have exchanged their devices.
#pragma once

#include <string>
#include <vector>

#include "loader/attach/known_targets.h"
#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/store.h"

namespace pm {

struct NicsInForce {
    Generation generation;
    KnownTargets targets;               // as they should be
    std::vector<std::string> detached;  // by command: interfaces without a target
};

// Leaves out what was detached by command. A fault: what is stored cannot be read.
Result<NicsInForce> nics_in_force(const Paths &paths, const Pins &pins, const Switch &control);

// In what it differs from what is in force.
struct Difference {
    bool needs_switch =
        false;  // it must be put in force anew; never while a policy is not confirmed
    std::vector<Device> open;  // devices that are to be closed, and are not closed by programs
};
Result<Difference> compare_with_in_force(const NicsInForce &nics, const Pins &pins,
                                         const Switch &control);

struct MissingInterfaces {
    std::vector<std::string> attached;      // names
    std::vector<std::string> opened;        // names of devices that are not closed any more
    std::vector<std::string> not_attached;  // why not to others, a sentence each
    std::vector<std::string> notes;
};
// Does it, on all its interfaces as far as possible.
Result<MissingInterfaces> put_in_force_anew(const Paths &paths, NicsInForce nics);

}  // namespace pm
