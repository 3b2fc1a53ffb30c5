// SPDX-License-Identifier: Apache-2.0
// Asks the kernel by netlink, about this network namespace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/model/address.h"

namespace pm {

// A program on one of an interface's TC hooks.
struct TcProgram {
    std::uint32_t id = 0;
    std::string name;
    bool tcx = false;  // else a filter of clsact
};

// In the order in which packets meet them: TCX, then the filters of clsact that are programs.
// Needs CAP_NET_ADMIN; where the kernel refuses to answer, the list lacks that hook.
enum class TcHook { ingress, egress };
std::vector<TcProgram> tc_programs(std::uint32_t ifindex, TcHook hook);

// The index of the interface by which packets go from an own address to another one; 0: there is
// no route.
std::uint32_t route_interface(const Address &from, const Address &to);

// An interface and what it belongs to, by index: `lower` is what it stands on, such as the parent
// of a VLAN; `master` is the bridge or bond that it is a port of. 0: none.
struct Link {
    std::uint32_t index = 0, lower = 0, master = 0;
    bool lower_is_elsewhere = false;  // it stands on an interface of another network namespace
};
std::vector<Link> all_links();

std::size_t count_nftables();  // how many tables nftables has; 0 without CAP_NET_ADMIN

}  // namespace pm
