// SPDX-License-Identifier: Apache-2.0
// Tells the programs where addresses are, seen from each interface (maps/places.h).
//
//   own      what this host has where the interface's packets go: in the VRFs of the interface, and
//            of what stands on it, or outside of all VRFs. Not what is on a device that is down, or
//            what IPv6 still checks for duplicates: the stack does not take it yet.
//   on link  the subnets of the interface's own addresses, and of what stands on it: its VLANs and
//            macvlans, the bond, bridge or VRF that it is a port of, and what stands on those. The
//            subnets of a tunnel are behind it, and not on the link.
//   routed   unless it, or what stands on it, is a port of a bridge
//   stays    every address, if this host forwards nothing at all
//
// What is not known is foreign. So a role that is `interface` follows the host's addresses without
// a process where the host forwards nothing, and with `watch` where it does.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/fault.h"
#include "loader/host/netlink.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/pins.h"

namespace pm {

struct Place {
    unsigned interface = 0;  // its number
    Prefix prefix;
    std::uint32_t flags = 0;  // enum pm_place_flag
};

enum class Forwarding { none, some };  // does any device of this host forward packets?

// In no order. A prefix may come more than once, with other flags.
std::vector<Place> places_of(const std::vector<Pins::Interface> &interfaces,
                             const std::vector<Link> &links, const std::vector<OwnAddress> &own,
                             Forwarding forwarding);

// Makes the map hold these and no others. What is new is added before what has gone is removed, if
// there is room for both: so the answer about no other address changes meanwhile. A fault if they
// are more than PM_PLACES_MAX: then what was known stays.
Done write_places(const Maps &maps, const std::vector<Place> &places);

// Writes those that this host has now.
Done set_places(const Pins &pins);

}  // namespace pm
