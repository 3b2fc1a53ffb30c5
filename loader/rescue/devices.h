// SPDX-License-Identifier: Apache-2.0
// What the parachute has to know of this host: which interfaces of the policy the programs filter,
// and which devices it must leave alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/parachute/table.h"
#include "loader/state/store.h"

namespace pm {

struct Coverage {
    bool in_force = false;                // the programs have a policy, if only for absent NICs
    std::vector<std::string> filtered;    // devices on which they enforce it
    std::vector<std::string> detached;    // interfaces of the generation that `detach -i` took away
    std::vector<std::string> unfiltered;  // interfaces of the generation that exist and are not
    // The index of the device that each interface of the generation is, whatever its name is now.
    // Of one that is closed, nobody knows.
    std::map<std::string, std::uint32_t> devices = {};
    std::vector<std::string> why = {};  // no program can be attached to some, a sentence each
};

// What cannot be read counts as not filtered: both filters may judge a packet, but one must.
Coverage find_coverage(const Paths &paths, const Generation &generation);

// The devices that the parachute leaves alone are
// - those on which the programs enforce, and those that `detach -i` took away
// - those that the generation recorded as outside the policy, unless they and a NIC of the policy
//   stand one on the other. A NIC must have the same hardware address, anything else the same kind.
// - those that stand on filtered or detached devices alone, unless they are interfaces of the
//   policy.
// `zones`: the interfaces that the policy names, in its order. What stands on one of them, such as
// a VLAN, is in its zone; what stands on several, or on none, is closed but for failsafe rows.
parachute::Devices parachute_devices(const Coverage &coverage, const Generation &generation,
                                     const std::vector<std::string> &zones);

}  // namespace pm
