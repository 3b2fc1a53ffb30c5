// SPDX-License-Identifier: Apache-2.0
// A peer set that loses addresses is copied under another name, one for each direction. `block` and
// the rows of the other direction keep the whole set.
#include "policy/check/reach.h"

namespace pm {
namespace {

// No set can have this name: names have no blank.
std::string name_there(Direction direction, const std::string &name) {
    return (direction == Direction::in ? "in " : "out ") + name;
}

AddressSet own_addresses(const Policy &policy) {
    std::vector<const AddressSet *> sets;
    for (const auto &[name, role] : policy.roles) sets.push_back(&role.addresses);
    return AddressSet::join(sets);
}

}  // namespace

Row reachable_row(const Policy &reachable, Row row) {
    std::string &peer = row.direction == Direction::in ? row.source : row.destination;
    const std::string name = name_there(row.direction, peer);
    if (reachable.peers.contains(name)) peer = name;
    return row;
}

Policy reachable(const Policy &policy) {
    const AddressSet martians = AddressSet::martians();
    const AddressSet sources = martians | AddressSet::multicast() | own_addresses(policy);
    Policy out = policy;
    for (auto &[name, role] : out.roles) role.addresses = role.addresses - martians;
    for (Row &row : out.rows) {
        const std::string &peer = peer_name(row);
        const std::string name = name_there(row.direction, peer);
        const AddressSet &dropped = row.direction == Direction::in ? sources : martians;
        const AddressSet &all = peer_addresses(policy, peer);
        if (!out.peers.contains(name) && !is_none(policy, peer) && !(all & dropped).empty())
            out.peers[name].addresses = all - dropped;
        row = reachable_row(out, row);
    }
    return out;
}

}  // namespace pm
