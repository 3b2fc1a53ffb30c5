// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_policy.h"

#include <algorithm>

#include "tests/support/policies.h"
#include "tests/support/policy_builder.h"
#include "tests/support/time.h"

namespace pm::test {

namespace {

std::string number(const char *name, std::size_t i) {
    return name + std::to_string(i);
}

std::string v4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c) + "." +
           std::to_string(d);
}

Prefix prefix_of(const Address &address, int length) {
    Prefix prefix{address, length};
    prefix.address = prefix.range().first;
    return prefix;
}

// Near 198.51.100.0/24 and 2001:db8:20::/48, of any size, so that sets overlap and nest.
Prefix random_peer(Random &random) {
    if (random.chance(50)) {
        auto host = 0xc6336400U + random.below(256);
        if (random.chance(15)) host ^= 1U << random.below(32);
        return prefix_of(Address::v4(host), random.pick({8, 16, 23, 24, 25, 28, 30, 31, 32, 32}));
    }
    Address host{0x20010db800200000U + random.below(4), random.below(4)};
    if (random.chance(30)) host.low = random.bits();
    if (random.chance(15)) host.high ^= std::uint64_t{1} << random.below(48);
    return prefix_of(host, random.pick({16, 32, 47, 48, 63, 64, 65, 96, 126, 127, 128, 128}));
}

AddressSet random_set(Random &random) {
    std::vector<Range> ranges;
    for (int i = random.between(1, 5); i > 0; --i) ranges.push_back(random_peer(random).range());
    AddressSet set(ranges);
    if (random.chance(15)) set = set - AddressSet({random_peer(random).range()});
    return set.empty() ? addresses({"198.51.100.0/24"}) : set;
}

void add_roles(Random &random, PolicyBuilder &builder, std::vector<std::string> &roles) {
    const bool by_interface = random.chance(20);
    std::vector<std::vector<std::string>> placed(2);
    for (std::size_t i = 0; i < static_cast<std::size_t>(random.between(1, 4)); ++i) {
        roles.push_back(number("role", i));
        if (i == 0 && by_interface) {
            builder.interface_role(roles.back());
            placed[random.below(2)].push_back(roles.back());
            continue;
        }
        unsigned last = 8 + random.below(6);
        std::string v6 = "2001:db8:10::" + std::to_string(last);
        if (random.chance(30)) v6 = "2001:db8:10:" + std::to_string(last) + "::1";
        std::vector<std::string> items;
        if (!random.chance(10))
            items.push_back(random.chance(20) ? v4(203, 0, 113, last & 12) + "/30"
                                              : v4(203, 0, 113, last) + "/32");
        if (items.empty() || !random.chance(10)) items.push_back(v6 + "/128");
        builder.role(roles.back(), items);
        const unsigned where = random.below(4);
        if (where != 1) placed[0].push_back(roles.back());
        if (where == 1 || where == 3) placed[1].push_back(roles.back());
    }
    if (random.chance(40)) {
        builder.place(interface_name, placed[0]);
        builder.place("edge1", placed[1]);
    }
}

void add_peers(Random &random, PolicyBuilder &builder, std::vector<std::string> &peers) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(random.between(1, 5)); ++i) {
        peers.push_back(number("peers", i));
        if (random.chance(5))
            builder.no_peers(peers.back());
        else if (random.chance(15))
            builder.any_peers_except(peers.back(), random_set(random));
        else
            builder.peers(peers.back(), random_set(random));
    }
}

Ports random_ports(Random &random) {
    static const std::vector<int> edges{1,     2,     22,    53,    67,    443,   444,
                                        3478,  5060,  5061,  5062,  8443,  40000, 49999,
                                        50000, 50001, 59999, 60000, 65534, 65535};
    Ports ports;
    for (int i = random.between(1, 3); i > 0; --i) {
        int first = random.pick(edges), last = random.chance(50) ? first : random.pick(edges);
        if (first > last) std::swap(first, last);
        ports.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)});
    }
    std::ranges::sort(ports);
    Ports joined;
    for (const PortRange &range : ports) {
        if (!joined.empty() && range.first <= joined.back().last + 1)
            joined.back().last = std::max(joined.back().last, range.last);
        else
            joined.push_back(range);
    }
    return joined;
}

void add_row(Random &random, PolicyBuilder &builder, const std::string &id,
             const std::vector<std::string> &roles, const std::vector<std::string> &peers) {
    static const std::vector<std::vector<std::uint8_t>> transports{
        {6}, {6}, {6}, {17}, {17}, {6, 17}, {1}, {58}, {1, 58}, {47}, {50, 132}};
    const bool in = random.chance(60);
    const std::vector<std::uint8_t> &some = random.pick(transports);
    const std::string peer = random.chance(20) ? "any" : random.pick(peers);
    std::string local = random.pick(roles);
    if (in && random.chance(8)) local = "multicast";
    const Ports ports = random.chance(15) ? any_port : random_ports(random);
    const Ports source_ports = random.chance(25) ? random_ports(random) : any_port;
    const std::string &source = in ? peer : local, &destination = in ? local : peer;
    if (random.chance(12))
        builder.failsafe(id, some, source, destination, ports, source_ports);
    else
        builder.row(id, some, source, destination, ports, source_ports);
}

// Dates lie between the sums that steps of 11 s make, as the tests wait.
void add_date(Random &random, Row &row) {
    static const std::vector<int> seconds{-86400, -5, 16, 27, 60, 126, 1008};
    if (row.section == Section::failsafe || !random.chance(25)) return;
    row.expires = test_time + static_cast<std::uint64_t>(random.pick(seconds)) * ns_in_second;
}

// The limits count in steps of 11 s, as the tests wait: a sum of waits is either exactly a step or
// far from one.
void add_conditions(Random &random, Row &row) {
    if (row.section == Section::failsafe) return;
    if (random.chance(25))
        row.limit = {.flows = static_cast<std::uint32_t>(random.between(1, 2)),
                     .per_seconds = 11,
                     .burst = static_cast<std::uint32_t>(random.between(1, 3)),
                     .per_row = random.chance(30)};
    if (row.port.empty() || !random.chance(20)) return;
    static const std::vector<Check::Payload> payloads{Check::Payload::tls, Check::Payload::stun,
                                                      Check::Payload::msturn, Check::Payload::rtp,
                                                      Check::Payload::sip};
    row.check = {.payload = random.pick(payloads), .drop = random.chance(70)};
}

}  // namespace

Policy random_policy(Random &random) {
    PolicyBuilder builder("random");
    std::vector<std::string> roles, peers;
    add_roles(random, builder, roles);
    add_peers(random, builder, peers);
    builder.peers("multicast", addresses({"224.0.0.250/31", "ff02::fb/128"}));
    const int rows = random.chance(10) ? random.between(20, 60) : random.between(1, 12);
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i)
        add_row(random, builder, number("row", i), roles, peers);
    while (random.chance(25)) builder.block(random.pick(peers));
    if (random.chance(4)) builder.policy.fragments_drop = true;
    if (random.chance(30)) builder.policy.handed_over_ipv6 = true;
    for (Row &row : builder.policy.rows) add_conditions(random, row);
    if (random.chance(40))
        for (Row &row : builder.policy.rows) add_date(random, row);
    return builder.policy;
}

Policy changed_policy(Random &random, const Policy &policy) {
    Policy other = policy;
    auto any_row = [&] { return random.below(static_cast<std::uint32_t>(other.rows.size())); };
    for (int changes = random.between(1, 3); changes > 0; --changes) {
        if (other.rows.size() > 1 && random.chance(60))
            other.rows.erase(other.rows.begin() + any_row());
        std::swap(other.rows[any_row()], other.rows[any_row()]);
    }
    std::ranges::stable_partition(other.rows,
                                  [](const Row &row) { return row.section == Section::failsafe; });
    if (random.chance(15)) other.block.push_back(other.peers.begin()->first);
    return other;
}

}  // namespace pm::test
