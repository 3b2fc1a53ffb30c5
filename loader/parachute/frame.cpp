// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/frame.h"

#include <netinet/in.h>

#include <cstdint>

#include "loader/host/nft_sets.h"
#include "maps/abi.h"
#include "policy/judge/judge.h"

namespace pm::parachute {
namespace {

// Conntrack puts fragments together at -400 and finds flows at -200; NAT ends at 100.
constexpr int before_defragmenting = -450, before_filters = -310, after_nat = 500;

constexpr unsigned fin = 1, syn = 2, rst = 4, ack = 16, urg = 32;

// A SYN of a flow that never was answered lives two minutes; a client asks again much sooner.
constexpr unsigned dhcp_seconds = PM_TIMEOUT_DHCP;

std::string named(const char *name, Family family) {
    return std::string(name) + "-" + suffix(family);
}

std::string in_set(const std::string &name) {
    return "@" + name;
}

Json v4_in_v6() {
    return {{"prefix", {{"addr", "::ffff:0:0"}, {"len", 96}}}};
}

void add_bad_addresses(Ruleset &out, const char *name, Family family, const AddressSet &set) {
    out.add_addresses(named(name, family), family, elements_of(part(set, family)));
}

void add_sets(Ruleset &out, const Frame &frame) {
    out.add_set(open_devices, "ifname", {});
    out.add_map(zones_in);
    out.add_map(zones_out);
    out.add_set("dhcp-asked-v4", "iface_index", {"timeout"}, dhcp_seconds);
    out.add_set("dhcp-asked-v6", "iface_index", {"timeout"}, dhcp_seconds);
    const AddressSet no_target = AddressSet::martians();
    const AddressSet no_source = no_target | AddressSet::multicast();
    for (const Family family : families) {
        out.add_set(banned_set(family), family == Family::v4 ? "ipv4_addr" : "ipv6_addr",
                    {"interval", "timeout"});
        out.add_addresses(groups_set(family), family,
                          elements_of(part(AddressSet::multicast(), family)));
        out.add_addresses(named("own", family), family, elements_of(part(frame.own, family)));
        out.add_addresses(named("blocked", family), family,
                          elements_of(part(frame.blocked, family)));
        add_bad_addresses(out, "no-source", family, no_source);
        add_bad_addresses(out, "no-target", family, no_target);
    }
}

void add_address_checks(Ruleset &out) {
    for (const char *chain : {addresses_in, addresses_out, unwanted_in, unwanted_out})
        out.add_chain(chain);
    for (const Family family : families) {
        const Json caller = peer_address(family, Direction::in);
        const Json called = peer_address(family, Direction::out);
        for (const char *set : {"no-source", "own"})
            out.add_rule(addresses_in, {match(caller, in_set(named(set, family))), drop()});
        out.add_rule(addresses_in, {match(local_address(family, Direction::in),
                                          in_set(named("no-target", family))),
                                    drop()});
        out.add_rule(addresses_out, {match(local_address(family, Direction::out),
                                           in_set(named("no-source", family))),
                                     drop()});
        out.add_rule(addresses_out, {match(called, in_set(named("no-target", family))), drop()});
        for (const std::string &set : {banned_set(family), named("blocked", family)}) {
            out.add_rule(unwanted_in, {match(caller, in_set(set)), drop()});
            out.add_rule(unwanted_out, {match(called, in_set(set)), drop()});
        }
    }
}

// A fragment that conntrack cannot put together may go on as it is.
Json is_whole(Family family, std::uint8_t protocol) {
    return family == Family::v4 ? match(masked(payload("ip", "frag-off"), 0x3fff), 0)
                                : match(payload("ip6", "nexthdr"), protocol);
}

// What no filter can judge by its flow. Headers of options are dropped unread: IPv6 hides AH in
// them, which conntrack looks through.
void add_packet_checks(Ruleset &out) {
    constexpr const char *chain = "packets";
    out.add_chain(chain);
    out.add_rule(chain, {match(payload("ip", "hdrlength"), 5, ">"),
                         match(meta("l4proto"), IPPROTO_IGMP, "!="), drop()});
    // A raw socket may send any.
    out.add_rule(chain, {match(payload("ip", "version"), 4, "!="), drop()});
    out.add_rule(chain, {match(payload("ip6", "version"), 6, "!="), drop()});
    out.add_rule(chain, {match(payload("ip6", "length"), 0), drop()});
    for (const char *end : {"saddr", "daddr"})
        out.add_rule(chain, {match(payload("ip6", end), v4_in_v6()), drop()});
    const Json flags = payload("tcp", "flags");
    out.add_rule(chain, {match(masked(flags, fin | syn | rst | ack),
                               one_of({syn, syn | ack, ack, fin | ack, rst, rst | ack}), "!="),
                         drop()});
    out.add_rule(chain, {match(masked(flags, urg | ack), urg), drop()});
    for (const char *protocol : {"tcp", "udp"})
        for (const char *port : {"sport", "dport"})
            out.add_rule(chain, {match(payload(protocol, port), 0), drop()});
    out.add_rule(chain, {match(payload("icmp", "type"), one_of({0, 3, 8, 11, 12}), "!="), drop()});
}

// After the essentials, which alone may have options.
void add_late_checks(Ruleset &out) {
    constexpr const char *chain = "late-packets";
    const Json related = {{"ct", {{"key", "state"}}}};
    out.add_chain(chain);
    out.add_rule(chain, {match(payload("ip6", "nexthdr"),
                               one_of({0, 43, 44, 51, 59, 60, 135, 139, 140}), "=="),
                         drop()});
    out.add_rule(chain,
                 {match(payload("icmpv6", "type"), one_of({1, 2, 3, 4, 128, 129}), "!="), drop()});
    out.add_rule(chain, {match(payload("icmp", "type"), one_of({3, 11, 12})),
                         match(related, "related", "!="), drop()});
    out.add_rule(chain, {match(payload("icmpv6", "type"), one_of({1, 2, 3, 4})),
                         match(related, "related", "!="), drop()});
    out.add_chain("first");
    out.add_rule(
        "first",
        {match(masked(payload("tcp", "flags"), fin | syn | rst | ack | urg), syn, "!="), drop()});
    out.add_rule("first", {match(payload("icmp", "type"), 8, "!="), drop()});
    out.add_rule("first", {match(payload("icmpv6", "type"), 128, "!="), drop()});
    out.add_rule(chain, {not_yet_a_flow(), jump("first")});
}

void add_neighbours(Ruleset &out, const char *chain) {
    const Json type = payload("icmpv6", "type"), length = payload("ip6", "length");
    struct Message {
        Json types;
        unsigned bytes;
    };
    for (const Message &one :
         {Message{one_of({133}), 8}, Message{one_of({134}), 16}, Message{one_of({135, 136}), 24}})
        out.add_rule(chain, {match(type, one.types), match(payload("icmpv6", "code"), 0),
                             match(payload("ip6", "hoplimit"), 255),
                             match(payload("ip6", "nexthdr"), IPPROTO_ICMPV6),
                             match(length, one.bytes, ">="), accept()});
    out.add_rule(chain, {match(type, one_of({133, 134, 135, 136})), drop()});
}

// MLD comes behind 8 bytes of options (Router Alert), mostly.
void add_groups(Ruleset &out, const char *chain) {
    const Json type = payload("icmpv6", "type"), length = payload("ip6", "length");
    const Json source = payload("ip6", "saddr");
    const Json no_options = match(payload("ip6", "nexthdr"), IPPROTO_ICMPV6);
    const auto option = [](const char *field) -> Json {
        return {{"exthdr", {{"name", "hbh"}, {"field", field}}}};
    };
    struct Message {
        Json types;
        unsigned bytes;
    };
    for (const Message &one : {Message{one_of({130, 131, 132}), 24}, Message{one_of({143}), 8}})
        for (const bool bare : {true, false})
            out.add_rule(
                chain,
                {match(type, one.types), match(payload("ip6", "hoplimit"), 1),
                 match(source, one_of({"::", {{"prefix", {{"addr", "fe80::"}, {"len", 10}}}}})),
                 bare ? no_options : match(option("hdrlength"), 0),
                 bare ? no_options : match(option("nexthdr"), IPPROTO_ICMPV6),
                 match(length, one.bytes + (bare ? 0U : 8U), ">="), accept()});
    out.add_rule(chain, {match(type, one_of({130, 131, 132, 143})), drop()});
}

// Of IGMP the queries of all groups, and reports of version 3. Queries and reports of one group
// have to name the group that they are sent to, and nftables cannot compare two fields.
void add_igmp(Ruleset &out, const char *chain) {
    constexpr unsigned router_alert = 0x94040000, query = 0x11, report_v3 = 0x22;
    const auto bits = [](const char *base, unsigned offset, unsigned length) -> Json {
        return {{"payload", {{"base", base}, {"offset", offset}, {"len", length}}}};
    };
    const Json igmp = match(meta("l4proto"), IPPROTO_IGMP), v4 = is_family(Family::v4);
    const Json words = payload("ip", "hdrlength"), bytes = payload("ip", "length");
    const Json once = match(payload("ip", "ttl"), 1), whole = is_whole(Family::v4, IPPROTO_IGMP);
    const Json alert = match(bits("nh", 160, 32), router_alert);
    const Json type = bits("th", 0, 8), code = bits("th", 8, 8), group = bits("th", 32, 32),
               sources = bits("th", 80, 16);
    const Json all_hosts = match(payload("ip", "daddr"), "224.0.0.1"),
               routers = match(payload("ip", "daddr"), "224.0.0.22");
    out.add_rule(chain, {v4, igmp, once, whole, all_hosts, match(words, 5), match(bytes, 28),
                         match(type, query), match(code, 0), match(group, 0), accept()});
    out.add_rule(chain, {v4, igmp, once, whole, all_hosts, match(words, 6), alert, match(bytes, 32),
                         match(type, query), match(group, 0), accept()});
    out.add_rule(chain, {v4, igmp, once, whole, all_hosts, match(words, 6), alert, match(bytes, 36),
                         match(type, query), match(group, 0), match(sources, 0), accept()});
    out.add_rule(chain, {v4, igmp, once, whole, routers, match(words, 6), alert,
                         match(bytes, 32, ">="), match(type, report_v3), accept()});
    out.add_rule(chain, {v4, igmp, drop()});
}

// Conntrack calls a datagram of a wrong length invalid.
void add_dhcp(Ruleset &out) {
    const Json valid =
        match({{"ct", {{"key", "state"}}}}, one_of({"new", "established", "related"}));
    for (const Family family : families) {
        const DhcpPorts &ports = family == Family::v4 ? dhcp_v4 : dhcp_v6;
        const std::string asked = named("dhcp-asked", family);
        std::vector<Json> answer = {is_family(family), is_whole(family, IPPROTO_UDP),
                                    match(payload("udp", "dport"), ports.client)};
        if (family == Family::v4)  // of DHCPv6 some servers answer from another port
            answer.push_back(match(payload("udp", "sport"), ports.server));
        answer.insert(answer.end(), {match(meta("iif"), in_set(asked)), valid, accept()});
        out.add_rule("essentials-in", std::move(answer));
        out.add_rule("essentials-out", {is_family(family), is_whole(family, IPPROTO_UDP),
                                        match(payload("udp", "sport"), ports.client),
                                        match(payload("udp", "dport"), ports.server), valid,
                                        update(asked, meta("oif")), accept()});
    }
}

// Essentials must be whole. So must a first fragment: what is cut within the ports is never honest.
void add_fragments(Ruleset &out, const Frame &frame) {
    constexpr const char *chain = "fragments";
    out.add_hook(chain, "prerouting", before_defragmenting, "accept");
    out.add_rule(chain, {match(meta("iifname"), in_set(open_devices)), accept()});
    const Json v4 = match(masked(payload("ip", "frag-off"), 0x3fff), 0, "!=");
    const Json v6 = match({{"exthdr", {{"name", "frag"}}}}, true);
    if (frame.drops_fragments) {
        out.add_rule(chain, {v4, drop()});
        out.add_rule(chain, {v6, drop()});
        return;
    }
    out.add_rule(chain, {v4, match(meta("l4proto"), IPPROTO_IGMP), drop()});
    out.add_rule(chain, {v4, match(payload("udp", "dport"), dhcp_v4.client), drop()});
    out.add_rule(chain, {v4, match(masked(payload("ip", "frag-off"), 0x1fff), 0),
                         match(payload("ip", "length"), 80, "<"), drop()});
    out.add_rule(chain, {v6, match(meta("l4proto"), IPPROTO_ICMPV6), drop()});
    out.add_rule(chain, {v6, match(payload("udp", "dport"), dhcp_v6.client), drop()});
    out.add_rule(chain, {v6, match({{"exthdr", {{"name", "frag"}, {"field", "frag-off"}}}}, 0),
                         match(payload("ip6", "length"), 68, "<"), drop()});
}

// Flows by who opened them; a device that is in no map belongs to the default zone.
void add_flows(Ruleset &out, const char *chain, const char *device, const char *in_way,
               const Frame &frame) {
    for (const Direction opener : {Direction::in, Direction::out}) {
        const bool original = (opener == Direction::in) == (std::string_view(in_way) == "original");
        const Json way = match({{"ct", {{"key", "direction"}}}}, original ? "original" : "reply");
        const char *map = opener == Direction::in ? zones_in : zones_out;
        out.add_rule(chain, {way, {{"vmap", {{"key", meta(device)}, {"data", in_set(map)}}}}});
        out.add_rule(chain, {way, go_to(zone_chain(opener, frame.default_zone))});
    }
}

void add_input(Ruleset &out, const Frame &frame) {
    constexpr const char *chain = "input";
    out.add_hook(chain, "input", before_filters, "drop");
    out.add_rule(chain, {match(meta("iifname"), in_set(open_devices)), accept()});
    // A frame to a group that holds a datagram to one host.
    const Json group_frame = match(meta("pkttype"), one_of({"broadcast", "multicast"}));
    for (const Family family : families)
        out.add_rule(chain, {group_frame,
                             match(payload(family == Family::v4 ? "ip" : "ip6", "daddr"),
                                   in_set(groups_set(family)), "!="),
                             drop()});
    // No host has a group's address as its own.
    const Json from = {{"payload", {{"base", "ll"}, {"offset", 48}, {"len", 8}}}};
    out.add_rule(chain, {match(meta("iiftype"), "ether"), match(masked(from, 1), 1), drop()});
    out.add_rule(chain, {jump("packets")});
    out.add_rule(chain, {jump("essentials-in")});
    out.add_rule(chain, {jump("late-packets")});
    out.add_rule(
        chain, {match({{"fib", {{"result", "type"}, {"flags", Json::array({"saddr"})}}}}, "local"),
                drop()});
    for (const Family family : families)
        out.add_rule(
            chain,
            {match({{"ct", {{"key", "direction"}}}}, "reply"),
             match(peer_address(family, Direction::out), in_set(named("own", family))), drop()});
    add_flows(out, chain, "iifname", "original", frame);
}

void add_output(Ruleset &out, const Frame &frame) {
    constexpr const char *chain = "output";
    out.add_hook(chain, "postrouting", after_nat, "drop");
    out.add_rule(chain, {match(meta("oifname"), in_set(open_devices)), accept()});
    out.add_rule(chain, {jump("packets")});
    out.add_rule(chain, {jump("essentials-out")});
    out.add_rule(chain, {jump("late-packets")});
    add_flows(out, chain, "oifname", "reply", frame);
}

}  // namespace

std::string banned_set(Family family) {
    return parachute_bans[family == Family::v4 ? 0 : 1];
}

std::string groups_set(Family family) {
    return named("groups", family);
}

std::string zone_chain(Direction opener, const std::string &zone) {
    return (opener == Direction::in ? "in-" : "out-") + zone;
}

void add_checks(Ruleset &out, const Frame &frame) {
    add_sets(out, frame);
    add_address_checks(out);
    add_packet_checks(out);
    add_late_checks(out);
    for (const char *chain : {"essentials-in", "essentials-out"}) {
        out.add_chain(chain);
        add_neighbours(out, chain);
        add_groups(out, chain);
        add_igmp(out, chain);
    }
    add_dhcp(out);
}

void add_hooks(Ruleset &out, const Frame &frame) {
    add_fragments(out, frame);
    add_input(out, frame);
    add_output(out, frame);
    out.add_hook("forward", "forward", before_filters, "drop");
    out.add_rule("forward", {match(meta("iifname"), in_set(open_devices)),
                             match(meta("oifname"), in_set(open_devices)), accept()});
}

}  // namespace pm::parachute
