// SPDX-License-Identifier: Apache-2.0
#include "policy/model/model.h"

#include <algorithm>

#include <fmt/format.h>

namespace pm {
namespace {

bool is_listed(const InterfaceDef &interface, const std::string &role) {
    return std::ranges::find(interface.roles, role) != interface.roles.end();
}

// The addresses listed for roles that are not on this interface.
AddressSet listed_elsewhere(const Policy &policy, const std::string &interface) {
    std::vector<const AddressSet *> sets;
    for (const auto &[name, role] : policy.roles)
        if (!role.is_interface && !is_placed(policy, name, interface))
            sets.push_back(&role.addresses);
    return AddressSet::join(sets);
}

}  // namespace

Ports merge_ports(std::vector<PortRange> ranges) {
    std::ranges::sort(ranges);
    Ports merged;
    for (const PortRange &range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last + 1)
            merged.back().last = std::max(merged.back().last, range.last);
        else
            merged.push_back(range);
    }
    return merged;
}

bool contains(const Ports &ports, std::uint16_t port) {
    return std::ranges::any_of(ports, [port](const PortRange &range) {
        return range.first <= port && port <= range.last;
    });
}

Ports common_ports(const Ports &a, const Ports &b) {
    Ports common;
    for (const PortRange &x : a)
        for (const PortRange &y : b)
            if (std::max(x.first, y.first) <= std::min(x.last, y.last))
                common.push_back({std::max(x.first, y.first), std::min(x.last, y.last)});
    return common;
}

std::string to_string(const Ports &ports) {
    if (ports == any_port) return "any";
    std::string text;
    for (const PortRange &range : ports) {
        if (!text.empty()) text += ',';
        text += range.first == range.last ? fmt::format("{}", range.first)
                                          : fmt::format("{}-{}", range.first, range.last);
    }
    return text;
}

bool is_placed(const Policy &policy, const std::string &role, const std::string &interface) {
    if (policy.interfaces.empty()) return true;
    return std::ranges::any_of(policy.interfaces, [&](const InterfaceDef &def) {
        return def.name == interface && is_listed(def, role);
    });
}

const AddressSet &peer_addresses(const Policy &policy, const std::string &name) {
    static const AddressSet any = AddressSet::any();
    auto peer = policy.peers.find(name);
    return peer == policy.peers.end() ? any : peer->second.addresses;
}

AddressSet blocked_addresses(const Policy &policy) {
    std::vector<const AddressSet *> sets;
    for (const std::string &name : policy.block) sets.push_back(&peer_addresses(policy, name));
    return AddressSet::join(sets);
}

AddressSet local_addresses(const Policy &policy, const std::string &role,
                           const std::string &interface, Direction direction) {
    const AddressSetDef &def = policy.roles.at(role);
    if (!is_placed(policy, role, interface)) return {};
    if (!def.is_interface) return def.addresses;
    if (direction == Direction::out) return AddressSet::any() | AddressSet::multicast();
    return AddressSet::any() - listed_elsewhere(policy, interface);
}

const std::string &local_name(const Row &row) {
    return row.direction == Direction::in ? row.destination : row.source;
}

const std::string &peer_name(const Row &row) {
    return row.direction == Direction::in ? row.source : row.destination;
}

bool is_role(const Policy &policy, const std::string &name) {
    return policy.roles.count(name) > 0;
}

bool is_none(const Policy &policy, const std::string &name) {
    if (auto role = policy.roles.find(name); role != policy.roles.end())
        return role->second.is_none;
    auto peer = policy.peers.find(name);
    return peer != policy.peers.end() && peer->second.is_none;
}

bool is_switched_off(const Policy &policy, const Row &row) {
    return is_none(policy, row.source) || is_none(policy, row.destination);
}

const std::string &none_side(const Policy &policy, const Row &row) {
    return is_none(policy, row.source) ? row.source : row.destination;
}

AddressSet row_local_addresses(const Policy &policy, const Row &row, const std::string &interface) {
    if (is_switched_off(policy, row)) return {};
    const std::string &local = local_name(row);
    return is_role(policy, local) ? local_addresses(policy, local, interface, row.direction)
                                  : peer_addresses(policy, local);
}

}  // namespace pm
