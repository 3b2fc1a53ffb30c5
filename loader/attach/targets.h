// SPDX-License-Identifier: Apache-2.0
// Which interfaces a policy is to hold on: those attached, and those the command asks for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "policy/model/model.h"

namespace pm {

struct Target {
    unsigned number;                  // that it has, or is to get
    std::string name;                 // that it is to be known by
    std::optional<Interface> device;  // nothing: it was attached, and does not exist now
    bool is_new;
};

// What is attached, by the names that it has now, and `names` as given by the user; empty: the
// policy's. `pins` is null where nothing is attached yet. Faults: an interface that is not there,
// is the loopback, has no Ethernet header, has a foreign XDP program, or is not placed by the
// policy.
Result<std::vector<Target>> choose_targets(const Pins *pins, const Policy &policy,
                                           const std::vector<std::string> &names);

// Those of `names`, as a generation has them, that are attached or can be; what does not exist is
// left out. With `unfit` also what cannot be attached to, a sentence each; without it that is a
// fault.
Result<std::vector<Target>> targets_named(const Pins *pins, const std::vector<std::string> &names,
                                          std::vector<std::string> *unfit = nullptr);

// Has those of `names` that are attached known by these names, as a policy for good has them. What
// was renamed since keeps the name before until then: the generation in force has that one.
void adopt_names(const Pins &pins, const std::vector<std::string> &names);

// The interfaces with these names, or whose devices have them now, each once and in this order; or
// all.
Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names);

}  // namespace pm
