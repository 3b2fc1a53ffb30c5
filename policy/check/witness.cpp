// SPDX-License-Identifier: Apache-2.0
// Intersects what the rows permit, ports and then each side's addresses, and picks one packet.
#include "policy/check/witness.h"

#include <algorithm>

#include "policy/image/locals.h"
#include "policy/judge/question.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

// These read better than the lowest port and address of a set.
constexpr std::uint16_t usual_source = 40000;
constexpr Address usual_locals[] = {{0, PM_V4_PREFIX | 0xcb00710aU},  // 203.0.113.10
                                    {0x20010db800000000U, 0x10U}};    // 2001:db8::10
constexpr Address usual_peers[] = {{0, PM_V4_PREFIX | 0xc6336407U},   // 198.51.100.7
                                   {0x20010db800000000U, 0x7U}};      // 2001:db8::7

// `set` without `less`, unless nothing would be left.
AddressSet prefer_without(const AddressSet &set, const AddressSet &less) {
    AddressSet rest = set - less;
    return rest.empty() ? set : rest;
}

Address pick(const AddressSet &set, const Address &usual) {
    return set.contains(usual) ? usual : set.ranges()[0].first;
}

class Search {
public:
    Search(const Policy &policy, const std::vector<const Row *> &rows)
        : policy_(policy), rows_(rows) {}

    std::optional<Question> find();

private:
    bool fill_ports(std::uint8_t transport, Question &question) const;
    bool fill_addresses(std::uint8_t transport, const std::string &interface,
                        Question &question) const;

    const Policy &policy_;
    const std::vector<const Row *> &rows_;
    AddressSet peers_;
};

bool Search::fill_ports(std::uint8_t transport, Question &question) const {
    if (!has_ports(transport)) return true;
    Ports to = any_port, from = any_port;
    for (const Row *row : rows_) {
        to = common_ports(to, row->port);
        from = common_ports(from, row->source_port);
    }
    if (to.empty() || from.empty()) return false;
    question.to_port = to[0].first;
    question.from_port = usual_port(from);
    return true;
}

bool Search::fill_addresses(std::uint8_t transport, const std::string &interface,
                            Question &question) const {
    AddressSet locals = AddressSet::any() | AddressSet::multicast();
    for (const Row *row : rows_) locals = locals & row_local_addresses(policy_, *row, interface);
    for (bool v6 : {false, true}) {
        if (transport == (v6 ? PM_PROTO_ICMP : PM_PROTO_ICMPV6)) continue;
        const AddressSet family = v6 ? AddressSet::v6() : AddressSet::v4();
        const AddressSet here = prefer_without(locals & family, AddressSet::martians());
        const AddressSet there = peers_ & family;
        if (here.empty() || there.empty()) continue;
        const Address local = pick(here, usual_locals[v6]);
        const Address peer =
            pick(prefer_without(there, AddressSet({{local, local}})), usual_peers[v6]);
        const bool in = question.direction == Direction::in;
        question.from = in ? peer : local;
        question.to = in ? local : peer;
        return true;
    }
    return false;
}

std::optional<Question> Search::find() {
    Question question;
    question.direction = rows_[0]->direction;
    peers_ = peer_addresses(policy_, peer_name(*rows_[0]));
    for (const Row *row : rows_) {
        if (row->direction != question.direction) return std::nullopt;
        peers_ = peers_ & peer_addresses(policy_, peer_name(*row));
    }
    peers_ = prefer_without(peers_, AddressSet::martians());
    peers_ = prefer_without(peers_, blocked_addresses(policy_));

    for (std::uint8_t transport : rows_[0]->transports) {
        question.transport = transport;
        if (!std::ranges::all_of(rows_,
                                 [&](const Row *row) { return has_transport(*row, transport); }) ||
            !fill_ports(transport, question))
            continue;
        for (unsigned zone = 0; zone < std::max<std::size_t>(1, policy_.interfaces.size());
             ++zone) {
            question.interface = zone;
            if (fill_addresses(transport, zone_name(policy_, zone), question)) return question;
        }
    }
    return std::nullopt;
}

}  // namespace

std::uint16_t usual_port(const Ports &ports) {
    return contains(ports, usual_source) ? usual_source : ports[0].first;
}

std::optional<Question> find_witness(const Policy &policy, const std::vector<const Row *> &rows) {
    return Search(policy, rows).find();
}

}  // namespace pm
