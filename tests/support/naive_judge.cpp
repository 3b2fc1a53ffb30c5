// SPDX-License-Identifier: Apache-2.0
// The oracle's judge: rows in order over the model; see naive.h.
#include <algorithm>

#include "policy/model/transports.h"
#include "tests/support/naive.h"

namespace pm::naive {

namespace {

bool holds(const AddressSet &set, const Address &address) {
    for (const Range &range : set.ranges())
        if (range.first <= address && address <= range.last) return true;
    return false;
}

bool holds(const Ports &ports, std::uint16_t port) {
    for (const PortRange &range : ports)
        if (range.first <= port && port <= range.last) return true;
    return false;
}

bool is_unicast(const Address &address) {
    return !is_multicast(address);
}

bool lives_on(const Policy &policy, const std::string &role, const std::string &interface) {
    for (const InterfaceDef &def : policy.interfaces)
        if (def.name == interface && std::ranges::find(def.roles, role) != def.roles.end())
            return true;
    return policy.interfaces.empty();
}

bool lives_elsewhere_only(const Policy &policy, const std::string &role,
                          const std::string &interface) {
    return !policy.interfaces.empty() && !lives_on(policy, role, interface);
}

bool is_local(const Policy &policy, const std::string &role, const std::string &interface,
              Direction opener, const Address &address) {
    const AddressSetDef &def = policy.roles.at(role);
    if (!lives_on(policy, role, interface)) return false;
    if (!def.is_interface) return holds(def.addresses, address);
    if (opener == Direction::out) return true;
    if (!is_unicast(address)) return false;
    for (const auto &[name, other] : policy.roles)
        if (lives_elsewhere_only(policy, name, interface) && holds(other.addresses, address))
            return false;
    return true;
}

bool is_peer(const Policy &policy, const std::string &name, const Address &address) {
    if (name == "any") return is_unicast(address);
    const AddressSetDef &def = policy.peers.at(name);
    return def.form == AddressSetDef::Form::any ? is_unicast(address)
                                                : holds(def.addresses, address);
}

bool is_off(const Policy &policy, const Row &row) {
    for (const std::string &name : {row.source, row.destination}) {
        auto role = policy.roles.find(name);
        auto peer = policy.peers.find(name);
        if (role != policy.roles.end() && role->second.is_none) return true;
        if (peer != policy.peers.end() && peer->second.is_none) return true;
    }
    return false;
}

bool has_ports(const Row &row, const Opening &opening) {
    bool in = opening.opener == Direction::in;
    if (opening.protocol != 6 && opening.protocol != 17) return true;
    if (!opening.local_port && !opening.remote_port) return true;  // not known
    return holds(row.port, in ? opening.local_port : opening.remote_port) &&
           holds(row.source_port, in ? opening.remote_port : opening.local_port);
}

bool has_protocol(const Row &row, std::uint8_t protocol) {
    return std::ranges::find(row.transports, protocol) != row.transports.end();
}

bool has_addresses(const Policy &policy, const Row &row, const Interface &interface,
                   const Opening &opening) {
    const std::string &local = row.direction == Direction::in ? row.destination : row.source;
    const std::string &remote = row.direction == Direction::in ? row.source : row.destination;
    bool at_home = policy.roles.contains(local)
                       ? is_local(policy, local, interface.name, opening.opener, opening.local)
                       : is_peer(policy, local, opening.local);
    return at_home && is_peer(policy, remote, opening.remote);
}

bool permits(const Policy &policy, const Row &row, const Interface &interface,
             const Opening &opening) {
    return !is_off(policy, row) && row.direction == opening.opener &&
           has_protocol(row, opening.protocol) && has_ports(row, opening) &&
           has_addresses(policy, row, interface, opening);
}

bool is_in_a_role(const Policy &policy, const Interface &interface, const Opening &opening) {
    for (const auto &[name, def] : policy.roles)
        if (is_local(policy, name, interface.name, opening.opener, opening.local)) return true;
    for (const Row &row : policy.rows)
        if (opening.opener == Direction::in && row.direction == Direction::in &&
            !is_off(policy, row) && !policy.roles.contains(row.destination) &&
            is_peer(policy, row.destination, opening.local))
            return true;
    return false;
}

pm_reason check_addresses(const Policy &policy, const Opening &opening, Direction direction) {
    bool in = direction == Direction::in;
    const Address &source = in ? opening.remote : opening.local;
    const Address &destination = in ? opening.local : opening.remote;
    if (in) {
        for (const auto &[name, def] : policy.roles)
            if (holds(def.addresses, source)) return PM_DROP_OWN_ADDRESS_SPOOFED;
        if (source == destination) return PM_DROP_OWN_ADDRESS_SPOOFED;
    }
    if (is_martian(source) || is_multicast(source)) return PM_DROP_BAD_SOURCE_ADDRESS;
    if (is_martian(destination)) return PM_DROP_BAD_DESTINATION_ADDRESS;
    return PM_UNDECIDED;
}

// For tcp and udp: could a row of any interface open such a flow? For others: does any row name the
// protocol?
pm_reason check_service(const Policy &policy, const Opening &opening) {
    bool ports = opening.protocol == 6 || opening.protocol == 17;
    if (!ports && opening.protocol == (opening.local.is_v4() ? 1 : 58)) return PM_UNDECIDED;
    if (opening.protocol == 1 || opening.protocol == 58) return PM_DROP_UNSUPPORTED_PROTOCOL;
    for (const Row &row : policy.rows) {
        if (is_off(policy, row) || !has_protocol(row, opening.protocol)) continue;
        if (!ports || (row.direction == opening.opener && has_ports(row, opening)))
            return PM_UNDECIDED;
    }
    return ports ? PM_DROP_NO_SERVICE : PM_DROP_UNSUPPORTED_PROTOCOL;
}

}  // namespace

Verdict judge(const Policy &policy, const Interface &interface, const Opening &opening,
              Direction direction, std::uint64_t begun, const AddressSet &banned) {
    if (pm_reason reason = check_addresses(policy, opening, direction)) return drop(reason);
    if (pm_reason reason = check_service(policy, opening)) return drop(reason);

    int found = -1;
    for (std::size_t i = 0; i < policy.rows.size() && found < 0; ++i) {
        const Row &row = policy.rows[i];
        if (row.expires && begun >= row.expires) continue;
        if (permits(policy, row, interface, opening)) found = static_cast<int>(i);
    }
    if (found >= 0 && policy.rows[static_cast<std::size_t>(found)].section == Section::failsafe)
        return row(found);
    if (holds(banned, opening.remote)) return drop(PM_DROP_BANNED);
    for (const std::string &name : policy.block)
        if (is_peer(policy, name, opening.remote)) return drop(PM_DROP_BLOCKED);
    if (found >= 0) return row(found);
    return drop(is_in_a_role(policy, interface, opening) ? PM_DROP_NO_ROW : PM_DROP_NO_ROLE);
}

bool gate(const Policy &policy, const Opening &opening) {
    return check_service(policy, opening) == PM_UNDECIDED;
}

}  // namespace pm::naive
