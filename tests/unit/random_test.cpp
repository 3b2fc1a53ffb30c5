// SPDX-License-Identifier: Apache-2.0
// The image against the model on random policies and packets.
#include "tests/support/random.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <gtest/gtest.h>

#include "policy/image/catalog.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::Judged;
using test::PolicyBuilder;
using test::Random;
using test::tcp;
using test::udp;

// The model, asked row by row without an image.

bool has(const Ports &ports, std::uint16_t port) {
    for (const PortRange &range : ports)
        if (range.first <= port && port <= range.last) return true;
    return false;
}

bool has_transport(const Row &row, std::uint8_t transport) {
    for (std::uint8_t each : row.transports)
        if (each == transport) return true;
    return false;
}

// The reason why the addresses are refused; empty if they are fine.
std::string naive_addresses(const Policy &policy, const Question &q) {
    const bool in = q.direction == Direction::in;
    for (const auto &[name, role] : policy.roles)
        if (in && !role.is_interface && role.addresses.contains(q.from))
            return "own-address-spoofed";
    if (in && q.from == q.to) return "own-address-spoofed";
    if (AddressSet::martians().contains(q.from) || AddressSet::multicast().contains(q.from))
        return "bad-source-address";
    return AddressSet::martians().contains(q.to) ? "bad-destination-address" : "";
}

// The row that permits the flow of such a packet, or the reason why there is none.
std::string naive_rows(const Policy &policy, const Question &q, const std::string &interface) {
    const bool in = q.direction == Direction::in;
    const Address &local = in ? q.to : q.from, &peer = in ? q.from : q.to;
    const bool ported = q.transport == tcp || q.transport == udp;
    bool service = false, in_role = false;
    const Row *winner = nullptr;
    for (const auto &[name, role] : policy.roles)
        in_role = in_role || local_addresses(policy, name, interface, q.direction).contains(local);
    for (const Row &row : policy.rows) {
        if (is_switched_off(policy, row)) continue;
        const bool right_way = row.direction == q.direction;
        const AddressSet locals = row_local_addresses(policy, row, interface);
        if (right_way && !is_role(policy, local_name(row)) && locals.contains(local))
            in_role = true;
        if (!has_transport(row, q.transport) ||
            (ported && (!has(row.port, q.to_port) || !has(row.source_port, q.from_port))))
            continue;
        service = service || right_way || !ported;
        if (right_way && locals.contains(local) && !winner &&
            peer_addresses(policy, peer_name(row)).contains(peer))
            winner = &row;
    }
    const bool ping = q.transport == (local.is_v4() ? test::icmp : test::icmpv6);
    const bool foreign_ping = q.transport == (local.is_v4() ? test::icmpv6 : test::icmp);
    if (ported && !service) return "no-service";
    if (!ported && !ping && (!service || foreign_ping)) return "unsupported-protocol";
    if (winner && winner->section == Section::failsafe) return winner->id;
    if (blocked_addresses(policy).contains(peer)) return "blocked";
    if (winner) return winner->id;
    return in_role ? "no-row" : "no-role";
}

std::string naive_judge(const Policy &policy, const Question &q, const std::string &interface) {
    const bool v4 = q.from.is_v4();
    if (q.transport == 2 && v4)
        return q.to >= test::address("224.0.0.0") && q.to <= test::address("239.255.255.255")
                   ? "essential-multicast"
                   : "malformed-essential";
    if (q.transport == udp && q.direction == Direction::out &&
        (v4 ? q.from_port == 68 && q.to_port == 67 : q.from_port == 546 && q.to_port == 547))
        return "essential-dhcp";
    if (const std::string reason = naive_addresses(policy, q); !reason.empty()) return reason;
    const std::string own = naive_rows(policy, q, interface);
    if (own != "no-service" || q.transport != udp) return own;
    Question opener = q;  // of the flow that the datagram could answer
    std::swap(opener.from, opener.to);
    std::swap(opener.from_port, opener.to_port);
    opener.direction = q.direction == Direction::in ? Direction::out : Direction::in;
    const std::string answer = naive_rows(policy, opener, interface);
    return answer.starts_with("row") ? "not-first-packet" : answer;
}

// Random policies, biased to overlap and to touch each other's bounds.

class Generator {
public:
    explicit Generator(unsigned seed) : random(seed) {}

    Policy policy() {
        PolicyBuilder b;
        for (const char *name : {"p0", "p1", "p2", "p3"}) b.peers_from_file(name, set());
        b.any_peers("any-peers").no_peers("off").peers("group", {"224.0.0.0/24", "ff02::/64"});
        for (const char *name : {"r0", "r1", "r2"}) b.peers_from_file(name, set());
        for (const char *name : {"r0", "r1", "r2"}) {  // roles: the same kinds of sets
            b.policy.roles[name] = b.policy.peers[name];
            b.policy.peers.erase(name);
        }
        const bool zoned = random.below(2);
        if (random.below(2)) b.interface_role("host");
        if (zoned) {
            std::vector<std::string> first{"r0", "r2"}, second{"r1", "r2"};
            if (b.policy.roles.count("host")) first.push_back("host");
            b.place("eth0", first).place("eth1", second);
        }
        if (random.below(2)) b.block("p3");
        for (unsigned i = 0, n = random.below(12); i < n; ++i) add_row(b, i);
        return b.policy;
    }

    Question question(const Policy &policy) {
        Question q;
        q.direction = random.below(2) ? Direction::in : Direction::out;
        q.transport = transport();
        q.interface = random.below(2);
        q.from_port = near_port();
        q.to_port = near_port();
        if (random.below(20) == 0) {  // of a DHCP client, or one beside
            q.from_port =
                static_cast<std::uint16_t>((random.below(2) ? 68 : 546) - random.below(2));
            q.to_port = static_cast<std::uint16_t>((random.below(2) ? 67 : 547) + random.below(2));
        }
        const bool v6 = random.below(2);
        q.from = near_address(policy, v6);
        q.to = near_address(policy, v6);
        return q;
    }

    Random random;

private:
    // A small space, so that sets meet; IPv6 with bounds in both halves.
    Address point(bool v6) {
        if (!v6) return Address::v4(0x0a000000U + random.below(40));
        return {0x20010db800000000ULL + random.below(4),
                random.below(2) ? random.below(20) : ~std::uint64_t{0} - random.below(20)};
    }
    AddressSet set() {
        std::vector<Range> ranges;
        for (unsigned n = 1 + random.below(5); n > 0; --n) {
            const bool v6 = random.below(2);
            const Address a = point(v6), b = point(v6);
            ranges.push_back({std::min(a, b), std::max(a, b)});
        }
        if (random.below(8) == 0) ranges.push_back(AddressSet::v4().ranges()[0]);
        return AddressSet(std::move(ranges));
    }
    std::uint16_t port() {
        static const std::uint16_t some[] = {1, 2, 443, 444, 5061, 50000, 59999, 65534, 65535};
        return some[random.below(std::size(some))];
    }
    Ports ports() {
        if (random.below(4) == 0) return any_port;
        const std::uint16_t a = port(), b = random.below(2) ? a : port();
        return {{std::min(a, b), std::max(a, b)}};
    }
    std::uint8_t transport() {
        static const std::uint8_t some[] = {tcp, tcp, udp, udp, test::icmp, test::icmpv6, 47, 2};
        return some[random.below(std::size(some))];
    }
    void add_row(PolicyBuilder &b, unsigned number) {
        static const char *const roles[] = {"r0", "r1", "r2"};
        static const char *const peers[] = {"p0", "p1", "p2", "p3", "any-peers", "any", "off"};
        std::string role = roles[random.below(3)], peer = peers[random.below(7)];
        if (b.policy.roles.count("host") && random.below(3) == 0) role = "host";
        std::vector<std::uint8_t> transports{transport()};
        const bool ported = transports[0] == tcp || transports[0] == udp;
        if (ported && random.below(3) == 0) transports = {tcp, udp};
        const bool out = random.below(2);
        if (!out && random.below(6) == 0) role = "group";
        const std::string id = "row" + std::to_string(number);
        if (ported && random.below(6) == 0) {
            b.failsafe(id, {tcp}, out ? role : peer, out ? peer : role, ports());
            return;
        }
        Row &row =
            b.row(id, transports, out ? role : peer, out ? peer : role, ported ? ports() : Ports{});
        if (ported && random.below(3) == 0) row.source_port = ports();
    }
    std::uint16_t near_port() {
        const int at = port() + static_cast<int>(random.below(3)) - 1;
        return static_cast<std::uint16_t>(std::clamp(at, 1, 65535));
    }
    Address near_address(const Policy &policy, bool v6) {
        static const char *const v4_special[] = {"224.0.0.5", "127.0.0.1", "255.255.255.255",
                                                 "0.0.0.0", "198.51.100.1"};
        static const char *const v6_special[] = {"ff02::1", "::1", "2001:db8:0:9::1",
                                                 "ff02:0:0:1::", "::ffff:0:0:1"};
        if (random.below(8) == 0)
            return test::address((v6 ? v6_special : v4_special)[random.below(5)]);
        const auto &section = random.below(2) ? policy.roles : policy.peers;
        auto def =
            std::next(section.begin(), random.below(static_cast<std::uint32_t>(section.size())));
        const auto &ranges = def->second.addresses.ranges();
        if (ranges.empty() || random.below(4) == 0) return point(v6);
        const Range &range = ranges[random.below(static_cast<std::uint32_t>(ranges.size()))];
        Address at = random.below(2) ? range.first : range.last;
        if (at.is_v4() == v6) return point(v6);
        if (const std::uint32_t step = random.below(3); step == 1)
            at.low++;
        else if (step == 2)
            at.low--;
        return at.is_v4() == v6 ? point(v6) : at;
    }
};

TEST(Image, AgreesWithTheModelOnRandomPolicies) {
    Generator generator(20240501);
    for (int round = 0; round < 400; ++round) {
        const Policy policy = generator.policy();
        const Judged judged(policy);
        for (int i = 0; i < 400; ++i) {
            const Question q = generator.question(policy);
            const std::string interface =
                q.interface < policy.interfaces.size() ? policy.interfaces[q.interface].name : "-";
            std::string expected = naive_judge(policy, q, interface);
            ASSERT_EQ(judged(q), expected)
                << "round " << round << ": " << (q.direction == Direction::in ? "in " : "out ")
                << to_string(q) << " on " << q.interface << "\n"
                << read_catalog(judged.view.view()).value().document;
        }
    }
}

}  // namespace
}  // namespace pm
