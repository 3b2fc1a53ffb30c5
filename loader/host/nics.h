// SPDX-License-Identifier: Apache-2.0
// What the kernel says of every interface of this network namespace, with all that an interface is
// known by (base/nic.h), in one question. So `watch` can ask at every look.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/nic.h"

namespace pm {

struct HostNic {
    Nic nic;  // `beside` is false: who knows the policy's NICs sets it
    std::uint32_t index = 0;
    std::uint32_t lower = 0;   // index of what it stands on, such as the parent of a VLAN; 0: none
    std::uint32_t master = 0;  // index of the bridge or bond that it is a port of; 0: none
    bool loopback = false;
    bool ethernet = false;  // its packets have an Ethernet header
};

// A list that ends in an error is a fault, never a shorter list. One that changed while it was read
// is asked for again.
Result<std::vector<HostNic>> all_nics();

}  // namespace pm
