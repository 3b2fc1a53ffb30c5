// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/places.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include <fmt/core.h>

#include "loader/kernel/map.h"
#include "maps/places.h"

namespace pm {
namespace {

using Indices = std::set<std::uint32_t>;

constexpr Prefix everything{{}, 0};

// The links of this host, by index.
class Topology {
public:
    explicit Topology(const std::vector<Link> &links) : links_(links) {
        for (const Link &link : links) by_index_[link.index] = &link;
    }

    // The interface, and all that stands on it.
    Indices stack_on(std::uint32_t index) const;
    // The VRF that the interface, or what it is a port of, is in; 0: none.
    std::uint32_t vrf_of(std::uint32_t index) const;
    bool is_up(std::uint32_t index) const { return find(index) && find(index)->is_up; }
    bool is_bridge(std::uint32_t index) const;

private:
    const Link *find(std::uint32_t index) const {
        const auto found = by_index_.find(index);
        return found == by_index_.end() ? nullptr : found->second;
    }

    const std::vector<Link> &links_;
    std::map<std::uint32_t, const Link *> by_index_;
};

// Are frames of what stands on an interface frames of its link?
bool is_on_same_link(const std::string &kind) {
    return kind == "vlan" || kind == "macvlan" || kind == "ipvlan";
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

// A subnet of the own address and no other: nobody else is there.
bool is_alone(const OwnAddress &own) {
    return own.subnet.range() == Range{own.address, own.address};
}

Prefix single(const Address &address) {
    return {address, address.is_v4() ? 32 : 128};
}

std::uint32_t bits_of(const Prefix &prefix) {
    return static_cast<std::uint32_t>(prefix.length) +
           (prefix.range().first.is_v4() ? PM_PLACE_ADDRESS_BITS - 32 : 0);
}

pm_place_key key_of(unsigned interface, const Address &address, std::uint32_t bits) {
    pm_place_key key = {};
    key.bits = PM_PLACE_INTERFACE_BITS + bits;
    key.interface = interface;
    for (std::uint32_t i = 0; i < sizeof(key.address) && i * 8 < bits; ++i) {
        const std::uint64_t half = i < 8 ? address.high : address.low;
        key.address[i] = static_cast<std::uint8_t>(half >> (56 - 8 * (i % 8)));
        if (bits < i * 8 + 8) key.address[i] &= static_cast<std::uint8_t>(0xff00 >> (bits % 8));
    }
    return key;
}

struct ByBytes {
    bool operator()(const pm_place_key &one, const pm_place_key &other) const {
        return std::memcmp(&one, &other, sizeof(one)) < 0;
    }
};
using Table = std::map<pm_place_key, std::uint32_t, ByBytes>;

// A longer prefix hides the shorter ones that it lies in, so it has their flags too.
Table table_of(const std::vector<Place> &places) {
    Table table;
    std::set<std::uint32_t> lengths;
    for (const Place &one : places) {
        const std::uint32_t bits = bits_of(one.prefix);
        lengths.insert(bits);
        table[key_of(one.interface, one.prefix.range().first, bits)] |= one.flags;
    }
    for (const Place &one : places) {
        const Address first = one.prefix.range().first;
        const std::uint32_t bits = bits_of(one.prefix);
        std::uint32_t &flags = table[key_of(one.interface, first, bits)];
        for (const std::uint32_t shorter : lengths) {
            if (shorter >= bits) break;
            if (const auto found = table.find(key_of(one.interface, first, shorter));
                found != table.end())
                flags |= found->second;
        }
    }
    return table;
}

}  // namespace

std::vector<Place> places_of(const std::vector<Pins::Interface> &interfaces,
                             const std::vector<Link> &links, const std::vector<OwnAddress> &own,
                             Forwarding forwarding) {
    const Topology topology(links);
    std::vector<Place> places;
    for (const Pins::Interface &interface : interfaces) {
        if (forwarding == Forwarding::none)
            places.push_back({interface.number, everything, PM_PLACE_STAYS});
        const Indices stack = topology.stack_on(interface.entry.ifindex);
        Indices vrfs;
        std::uint32_t flags = PM_PLACE_OWN | PM_PLACE_ROUTED;
        for (const std::uint32_t index : stack) {
            vrfs.insert(topology.vrf_of(index));
            // A bridge itself sends only what this host's IP stack gives it.
            if (index != interface.entry.ifindex && topology.is_bridge(index)) flags = PM_PLACE_OWN;
        }
        for (const OwnAddress &one : own) {
            if (stack.contains(one.index) && !is_alone(one))
                places.push_back({interface.number, one.subnet, PM_PLACE_ON_LINK});
            if (one.is_in_use && topology.is_up(one.index) &&
                vrfs.contains(topology.vrf_of(one.index)))
                places.push_back({interface.number, single(one.address), flags});
        }
    }
    return places;
}

Done write_places(const Maps &maps, const std::vector<Place> &places) {
    const Table wanted = table_of(places);
    if (wanted.size() > PM_PLACES_MAX)
        return fault(fmt::format("the interfaces have more than {} addresses and subnets: the "
                                 "programs are not told which are this host's now",
                                 PM_PLACES_MAX),
                     "give them fewer addresses, or filter fewer interfaces");
    auto map = Map<pm_place_key, pm_place>::of(maps, "places");
    if (!map) return tl::unexpected(map.error());
    Table there, changed;
    Done each = {};
    auto read = each_key<pm_place_key>(maps.fd("places"), [&](const pm_place_key &key) {
        auto place = map->get(key);
        if (place)
            there[key] = place->flags;
        else
            each = tl::unexpected(place.error());
    });
    if (!read) return read;
    if (!each) return each;
    std::size_t added = 0;
    for (const auto &[key, flags] : wanted) {
        const auto old = there.find(key);
        added += old == there.end();
        if (old == there.end() || old->second != flags) changed[key] = flags;
    }
    const auto remove_old = [&] {
        for (const auto &[key, flags] : there)
            if (!wanted.contains(key)) map->remove(key);
    };
    if (there.size() + added > PM_PLACES_MAX) remove_old();  // there is no room for both
    for (const auto &[key, flags] : changed)
        if (auto put = map->put(key, {flags}); !put) return put;
    remove_old();
    return {};
}

Done set_places(const Pins &pins) {
    auto interfaces = pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto links = all_links();
    if (!links) return tl::unexpected(links.error());
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    const auto forwarding = may_forward() ? Forwarding::some : Forwarding::none;
    return write_places(pins.maps(), places_of(*interfaces, *links, *own, forwarding));
}

}  // namespace pm
