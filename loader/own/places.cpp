// SPDX-License-Identifier: Apache-2.0
#include "loader/own/places.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include <fmt/core.h>

#include "loader/kernel/map.h"
#include "loader/own/topology.h"
#include "maps/places.h"

namespace pm {
namespace {

constexpr Prefix everything{{}, 0};

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
