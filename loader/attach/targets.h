// SPDX-License-Identifier: Apache-2.0
// Which interfaces a policy is to hold on: those of an apply. Those of a stored generation are in
// known_targets.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/nic.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "policy/model/model.h"

namespace pm {

// An interface that a policy is to hold on.
struct Target {
    unsigned number = 0;           // that it has, or is to get
    std::string name;              // that the policy knows it by
    std::string shown = {};        // that the user sees; empty: the same
    std::optional<Device> device;  // none: it is absent
    bool is_new = false;           // it has no programs yet
    bool stranger = false;         // it is no interface of the policy, see recognise.h
    std::string closed = {};       // why only failsafe rows pass; empty: it is not closed
    // As it was recorded and as it is now, if both are known.
    Nic recorded = {}, now = {};
    bool renamed = false;   // found by its address alone
    bool replaced = false;  // found by its name alone

    const std::string &shown_name() const { return shown.empty() ? name : shown; }
};

// What the user should know of targets, a sentence each.
struct Told {
    std::vector<std::string> absent;  // "eth1 is absent: no device has its name"
    std::vector<std::string> closed;  // why, and what that means
    std::vector<std::string> notes;   // those that were renamed or replaced
};
Told told_of(const std::vector<Target> &targets);

// What happens if an interface cannot be attached to.
enum class Extent {
    all_or_none,     // a fault, and nothing is changed: apply, rollback
    where_possible,  // the policy holds on the others, and the reason is reported: restore, watch
};

// The targets of an apply: what is attached already, by the names that it has now, `names` as given
// by the user, and the policy's interfaces. A closed device that is no interface of the policy is
// not among them, unless it is named. `pins` is null where nothing is attached yet; `known`: where
// the interfaces with a number are now (known_targets.h). It is a fault if an interface
// - does not exist, and has no number,
// - is the loopback,
// - has packets without an Ethernet header,
// - has an XDP program of others, or
// - is not placed by the policy.
Result<std::vector<Target>> choose_targets(const Pins *pins, const Policy &policy,
                                           const std::vector<std::string> &names,
                                           const std::vector<Target> &known);

// Refuses a device that cannot be attached to for the first time.
Done check_attachable(const Device &device);

// A number that is not among those in use.
std::optional<unsigned> free_number(const std::vector<unsigned> &used);

// An attached interface keeps the name it had when it was attached, even if it is renamed: the
// generation in force has that name. Once another policy is in force for good, the interfaces among
// `names` are known by their present names.
void adopt_names(const Pins &pins, const std::vector<std::string> &names);

// The interfaces with these numbers are known by the names of the targets from now on.
void name_entries(const Pins &pins, const std::vector<Target> &targets);

// Gives up the numbers that `record` does not filter and that hold nothing of the policy: of closed
// devices that are no interface of it, and of absent interfaces that another number has. Their
// programs are detached. Returns the names of devices that were closed and are open now.
std::vector<std::string> release_numbers(const Pins &pins, const pm_record &record);

// The attached interfaces with these names, or whose devices have these names now: each once, in
// this order. No names: all.
Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names);

}  // namespace pm
