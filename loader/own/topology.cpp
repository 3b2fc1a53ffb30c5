// SPDX-License-Identifier: Apache-2.0
#include "loader/own/topology.h"

#include <algorithm>
#include <string>

namespace pm {
namespace {

// Are frames of what stands on an interface frames of its link?
bool is_on_same_link(const std::string &kind) {
    return kind == "vlan" || kind == "macvlan" || kind == "ipvlan";
}

}  // namespace

Topology::Topology(const std::vector<Link> &links) : links_(links) {
    for (const Link &link : links) by_index_[link.index] = &link;
}

const Link *Topology::find(std::uint32_t index) const {
    const auto found = by_index_.find(index);
    return found == by_index_.end() ? nullptr : found->second;
}

Indices Topology::stack_on(std::uint32_t index) const {
    Indices stack;
    std::vector<std::uint32_t> next{index};
    while (!next.empty()) {
        const std::uint32_t one = next.back();
        next.pop_back();
        if (one == 0 || !stack.insert(one).second) continue;
        for (const Link &link : links_) {
            if (link.index == one) next.push_back(link.master);
            if (link.lower == one && is_on_same_link(link.kind)) next.push_back(link.index);
        }
    }
    return stack;
}

std::uint32_t Topology::vrf_of(std::uint32_t index) const {
    Indices seen;
    for (const Link *link = find(index); link && seen.insert(link->index).second;
         link = find(link->master))
        if (link->kind == "vrf") return link->index;
    return 0;
}

// Of those who have ports, a bond, a team and a VRF let none of them send for another.
bool Topology::is_bridge(std::uint32_t index) const {
    const Link *link = find(index);
    const bool has_ports =
        std::ranges::any_of(links_, [&](const Link &one) { return one.master == index; });
    return has_ports &&
           (!link || (link->kind != "bond" && link->kind != "team" && link->kind != "vrf"));
}

}  // namespace pm
