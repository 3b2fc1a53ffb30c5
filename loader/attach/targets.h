// SPDX-License-Identifier: Apache-2.0
// The interfaces on which a policy is to be in force: those that are attached, and those for which
// the command asks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "policy/model/model.h"

namespace pm {

struct Target {
    unsigned number;               // the one that it has, or is to get
    std::string name;              // the one that its entry has, or is to get
    std::optional<Device> device;  // none: it was attached, and does not exist now
    bool is_new;                   // it is not attached yet
};

// All that are attached, under the names that they have now, and those of `names`, as the user
// gives them; if there are none, those that the policy names. `pins` is null where nothing is
// attached yet. A fault: an interface does not exist, is the loopback, has no Ethernet header, has
// a foreign XDP program, or the policy places no role on it.
Result<std::vector<Target>> choose_targets(const Pins *pins, const Policy &policy,
                                           const std::vector<std::string> &names);

// Those of `names`, as a generation has them, that are attached or can be. An interface that does
// not exist is left out: it may come later.
struct NamedTargets {
    std::vector<Target> targets;
    std::vector<Fault> refused;  // one for each interface that cannot be attached to
};
Result<NamedTargets> targets_named(const Pins *pins, const std::vector<std::string> &names);

// Gives the entries of attached interfaces the names that their devices have now, if these are
// among `names`. To be called when a policy is confirmed whose generation has `names`: until then
// an entry keeps the name that the generation before knows.
void adopt_names(const Pins &pins, const std::vector<std::string> &names);

// The attached interfaces of these names, each once and in this order; no names: all. A name is
// that of the entry, or one that the device has now.
Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names);

}  // namespace pm
