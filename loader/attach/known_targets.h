// SPDX-License-Identifier: Apache-2.0
// Which interfaces a stored generation is to hold on: its NICs, each on the device that it is now
// (recognise.h), and the devices that are closed.
//
// Numbers
//   A NIC has a number whether it is there or not. So the programs and counters of an absent NIC
//   are in the kernel already, and when it comes it needs only its links.
//   A device keeps the number that its programs were loaded for, whatever it is taken for now: two
//   XDP programs cannot be on it, and without one it would be open.
//
// If the kernel cannot be asked for all its interfaces, NICs are known by their names alone, and
// `notes` says so.
#pragma once

#include <string>
#include <vector>

#include "loader/attach/targets.h"
#include "loader/base/fault.h"
#include "loader/base/nic.h"
#include "loader/host/nics.h"
#include "loader/kernel/pins.h"

namespace pm {

// What is known of a generation's interfaces.
struct KnownNics {
    std::vector<std::string> interfaces;
    std::vector<Nic> nics, others;      // empty: an earlier release stored it
    std::vector<std::string> detached;  // by command: they get no target, and are not missed
};

struct KnownTargets {
    std::vector<Target> targets;
    // NICs that are not among them, and why, a sentence each. Empty with Extent::all_or_none.
    std::vector<std::string> left_out, not_attached;
    // Devices that may not be open, and for which there is no number or no way to attach: they are
    // to be closed otherwise (host/nft_close.h).
    std::vector<Device> without_number;
    std::vector<std::string> notes;
};

Result<KnownTargets> known_targets(const Pins *pins, const KnownNics &known, Extent extent);

// The facts to store with a generation that holds on `targets`: its NICs, in their order, and the
// other interfaces of this host. A target without a device keeps what was `recorded`. A fault: the
// kernel cannot be asked.
struct NicFacts {
    std::vector<Nic> nics, others;
};
Result<NicFacts> nic_facts(const std::vector<Target> &targets, const std::vector<Nic> &recorded);

// The same of interfaces that are present. `targets`: name and index of each.
struct NamedIndex {
    std::string name;
    std::uint32_t index = 0;  // 0: it is absent
};
NicFacts nic_facts_of(const std::vector<NamedIndex> &targets, const std::vector<Nic> &recorded,
                      const std::vector<HostNic> &present);

}  // namespace pm
