// SPDX-License-Identifier: Apache-2.0
// Tells the programs which addresses are on the link of each interface (maps/subnets.h). The
// programs cannot ask: no helper tells a neighbour from an address behind a router.
//
// On the link of an interface are the subnets of its own addresses, and of what stands on it: its
// VLANs and macvlans, the bond, bridge or VRF that it is a port of, and what stands on those. The
// subnets of a tunnel are behind it, and not on the link. What is not known is foreign.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/fault.h"
#include "loader/host/netlink.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/pins.h"

namespace pm {

struct Subnet {
    unsigned interface = 0;  // its number
    Prefix prefix;
};

// Each once, in no order.
std::vector<Subnet> subnets_of(const std::vector<Pins::Interface> &interfaces,
                               const std::vector<Link> &links, const std::vector<OwnAddress> &own);

// Makes the map hold these and no others. What is new is added before what has gone is removed, if
// there is room for both: so the answer about no other address changes meanwhile. A fault if they
// are more than PM_SUBNETS_MAX: then what was known stays.
Done write_subnets(const Maps &maps, const std::vector<Subnet> &subnets);

// Writes those that this host has now.
Done set_subnets(const Pins &pins);

}  // namespace pm
