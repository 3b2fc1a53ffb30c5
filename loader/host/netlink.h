// SPDX-License-Identifier: Apache-2.0
// Asks the kernel by netlink, about this network namespace. A list that cannot be read to its end
// is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

// A program on one of an interface's TC hooks.
struct TcProgram {
    std::uint32_t id = 0;
    std::string name;
    bool tcx = false;  // else a filter of clsact
};

// In the order in which packets meet them: TCX, then the filters of clsact that are programs.
// Needs CAP_NET_ADMIN.
enum class TcHook { ingress, egress };
Result<std::vector<TcProgram>> tc_programs(std::uint32_t ifindex, TcHook hook);

// The kind of the qdisc in the place that "clsact" and "ingress" share. A device has one of them at
// most; empty: none. A filter for the way out is taken by either, but "ingress" has no way out.
inline constexpr const char *clsact = "clsact";
Result<std::string> ingress_qdisc(std::uint32_t ifindex);

// The index of the interface by which packets go from an own address to another one; 0: there is
// no route.
Result<std::uint32_t> route_interface(const Address &from, const Address &to);

// An interface and what it belongs to, by index: `lower` is what it stands on, such as the parent
// of a VLAN; `master` is the bridge or bond that it is a port of. 0: none.
struct Link {
    std::uint32_t index = 0, lower = 0, master = 0;
    std::string kind;                 // such as "vlan" or "vxlan"; empty: a plain device
    bool lower_is_elsewhere = false;  // it stands on an interface of another network namespace
    bool is_up = false;               // by its owner's will, not its carrier's
};
Result<std::vector<Link>> all_links();

// Does any device of this network namespace forward packets, of either family? True if that cannot
// be told.
bool may_forward();

Result<std::size_t> count_nftables();  // how many tables nftables has

}  // namespace pm
