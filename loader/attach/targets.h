// SPDX-License-Identifier: Apache-2.0
// Which interfaces a policy is to hold on: those attached, and those the command asks for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "policy/model/model.h"

namespace pm {

// An interface that a policy is to hold on.
struct Target {
    unsigned number = 0;           // that it has, or is to get
    std::string name;              // that it is to be known by
    std::optional<Device> device;  // none: it was attached, and does not exist now
    bool is_new = false;           // it is not attached yet
};

// What happens if an interface cannot be attached to.
enum class Extent {
    all_or_none,     // a fault, and nothing is changed: apply, rollback
    where_possible,  // the policy holds on the others, and the reason is reported: restore, watch
};

struct NamedTargets {
    std::vector<Target> targets;
    // Why others are not among them, a sentence each. Always empty with Extent::all_or_none.
    std::vector<std::string> not_attached;
};

// The targets of an apply: what is attached already, by the names that it has now, and `names` as
// given by the user; if these are empty, the policy's interfaces. `pins` is null where nothing is
// attached yet. It is a fault if an interface
// - does not exist,
// - is the loopback,
// - has packets without an Ethernet header,
// - has an XDP program of others, or
// - is not placed by the policy.
Result<std::vector<Target>> choose_targets(const Pins *pins, const Policy &policy,
                                           const std::vector<std::string> &names);

// The targets of a stored generation: those of its `names` that are attached or can be. An
// interface that does not exist is left out and not reported: it may appear later.
Result<NamedTargets> targets_named(const Pins *pins, const std::vector<std::string> &names,
                                   Extent extent);

// An attached interface keeps the name it had when it was attached, even if it is renamed: the
// generation in force has that name. Once another policy is in force for good, the interfaces among
// `names` are known by their present names.
void adopt_names(const Pins &pins, const std::vector<std::string> &names);

// The attached interfaces with these names, or whose devices have these names now: each once, in
// this order. No names: all.
Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names);

}  // namespace pm
