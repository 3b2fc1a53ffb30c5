// SPDX-License-Identifier: Apache-2.0
// How the interfaces of this host stand on each other.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "loader/host/netlink.h"

namespace pm {

using Indices = std::set<std::uint32_t>;  // of interfaces

class Topology {
public:
    explicit Topology(const std::vector<Link> &links);  // which outlive it

    // The interface, its VLANs and macvlans, the bond, bridge or VRF that it is a port of, and what
    // stands on those.
    Indices stack_on(std::uint32_t index) const;
    // The VRF that the interface, or what it is a port of, is in; 0: none.
    std::uint32_t vrf_of(std::uint32_t index) const;
    bool is_up(std::uint32_t index) const { return find(index) && find(index)->is_up; }
    // Has it ports that send for others?
    bool is_bridge(std::uint32_t index) const;

private:
    const Link *find(std::uint32_t index) const;

    const std::vector<Link> &links_;
    std::map<std::uint32_t, const Link *> by_index_;
};

}  // namespace pm
