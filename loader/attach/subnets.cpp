// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/subnets.h"

#include <cstring>
#include <set>
#include <string>

#include <fmt/core.h>

#include "loader/kernel/map.h"
#include "maps/subnets.h"

namespace pm {
namespace {

// Are frames of what stands on an interface frames of its link?
bool is_on_same_link(const std::string &kind) {
    return kind == "vlan" || kind == "macvlan" || kind == "ipvlan";
}

// The interface, and all that stands on it.
std::set<std::uint32_t> stack_on(std::uint32_t index, const std::vector<Link> &links) {
    std::set<std::uint32_t> stack;
    std::vector<std::uint32_t> next{index};
    while (!next.empty()) {
        const std::uint32_t one = next.back();
        next.pop_back();
        if (one == 0 || !stack.insert(one).second) continue;
        for (const Link &link : links) {
            if (link.index == one) next.push_back(link.master);
            if (link.lower == one && is_on_same_link(link.kind)) next.push_back(link.index);
        }
    }
    return stack;
}

// A subnet of the own address and no other: nobody else is there.
bool is_alone(const OwnAddress &own) {
    return own.subnet.range() == Range{own.address, own.address};
}

pm_subnet_key key_of(const Subnet &subnet) {
    const Address first = subnet.prefix.range().first;
    pm_subnet_key key = {};
    key.bits = PM_SUBNET_INTERFACE_BITS + static_cast<std::uint32_t>(subnet.prefix.length) +
               (first.is_v4() ? PM_SUBNET_ADDRESS_BITS - 32 : 0);
    key.interface = subnet.interface;
    for (int i = 0; i < 8; ++i) {
        key.address[i] = static_cast<std::uint8_t>(first.high >> (56 - 8 * i));
        key.address[8 + i] = static_cast<std::uint8_t>(first.low >> (56 - 8 * i));
    }
    return key;
}

struct ByBytes {
    bool operator()(const pm_subnet_key &one, const pm_subnet_key &other) const {
        return std::memcmp(&one, &other, sizeof(one)) < 0;
    }
};
using Keys = std::set<pm_subnet_key, ByBytes>;

}  // namespace

std::vector<Subnet> subnets_of(const std::vector<Pins::Interface> &interfaces,
                               const std::vector<Link> &links, const std::vector<OwnAddress> &own) {
    std::vector<Subnet> subnets;
    for (const Pins::Interface &interface : interfaces) {
        const std::set<std::uint32_t> stack = stack_on(interface.entry.ifindex, links);
        std::set<Range> seen;
        for (const OwnAddress &one : own)
            if (stack.contains(one.index) && !is_alone(one) &&
                seen.insert(one.subnet.range()).second)
                subnets.push_back({interface.number, one.subnet});
    }
    return subnets;
}

Done write_subnets(const Maps &maps, const std::vector<Subnet> &subnets) {
    if (subnets.size() > PM_SUBNETS_MAX)
        return fault(fmt::format("the interfaces have more than {} subnets: the programs are not "
                                 "told what is on their links now",
                                 PM_SUBNETS_MAX),
                     "give them fewer addresses, or filter fewer interfaces");
    auto map = Map<pm_subnet_key, pm_subnet>::of(maps, "subnets");
    if (!map) return tl::unexpected(map.error());
    Keys wanted, there, added;
    for (const Subnet &one : subnets) wanted.insert(key_of(one));
    auto read = each_key<pm_subnet_key>(maps.fd("subnets"),
                                        [&](const pm_subnet_key &key) { there.insert(key); });
    if (!read) return read;
    for (const pm_subnet_key &one : wanted)
        if (!there.contains(one)) added.insert(one);
    const auto remove_old = [&] {
        for (const pm_subnet_key &one : there)
            if (!wanted.contains(one)) map->remove(one);
    };
    if (there.size() + added.size() > PM_SUBNETS_MAX) remove_old();  // there is no room for both
    for (const pm_subnet_key &one : added)
        if (auto put = map->put(one, {}); !put) return put;
    remove_old();
    return {};
}

Done set_subnets(const Pins &pins) {
    auto interfaces = pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto links = all_links();
    if (!links) return tl::unexpected(links.error());
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    return write_subnets(pins.maps(), subnets_of(*interfaces, *links, *own));
}

}  // namespace pm
