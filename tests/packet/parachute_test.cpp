// SPDX-License-Identifier: Apache-2.0
// The parachute is never wider than the policy: each packet goes through its table in the kernel
// and through the programs, which are asked what they say of it. What the parachute passes, they
// must pass. PM_SEED repeats a run, PM_PARACHUTE_PACKETS sets its size.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "policy/judge/question.h"
#include "policy/language/read.h"
#include "policy/model/print.h"
#include "policy/model/transports.h"
#include "tests/packet/parachute_site.h"
#include "tests/support/host.h"
#include "tests/support/kernel.h"
#include "tests/support/policies.h"
#include "tests/support/policy_builder.h"
#include "tests/support/random_packet.h"
#include "tests/support/random_policy.h"

namespace pm::test {
namespace {

// A packet opens a flow at most once between two emptyings of conntrack, so that its verdict is
// that on a first packet.
constexpr std::size_t packets_between_flushes = 50;
constexpr std::size_t packets_numbered = 20'000;

std::uint64_t setting(const char *name, std::uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

// Rows that need not pass what they permit.
bool is_exempt(const Row &row) {
    return row.limit.flows != 0 || (row.check.payload != Check::Payload::none && row.check.drop);
}

struct Tally {
    std::uint64_t sent = 0, passed = 0;
    std::uint64_t should = 0, did = 0;         // pass, of whole packets
    std::vector<std::string> wider, narrower;  // the first few
};

struct Asked {
    Direction direction;
    Bytes bytes;
    bool permitted = false, should_pass = false;
};

std::string describe(const Site &site, const Asked &one) {
    const Verdict verdict = Kernel::shared().ask(one.direction, one.bytes);
    return (one.direction == Direction::in ? "in  " : "out ") + hex(one.bytes) + " is " +
           to_string(verdict, site.policy);
}

void count(Wire &wire, const Site &site, const std::vector<Asked> &asked, Tally &tally) {
    const std::set<std::uint16_t> in = wire.passed(Direction::in),
                                  out = wire.passed(Direction::out);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const Asked &one = asked[i];
        const auto number = static_cast<std::uint16_t>(i + 1);
        const bool passed = (one.direction == Direction::in ? in : out).contains(number);
        ++tally.sent;
        tally.passed += passed;
        tally.should += one.should_pass;
        tally.did += one.should_pass && passed;
        if (!passed && one.should_pass && tally.narrower.size() < 5)
            tally.narrower.push_back(describe(site, one));
        if (passed && !one.permitted && tally.wider.size() < 5)
            tally.wider.push_back(describe(site, one));
    }
    wire.forget();
}

Address address_at(const Bytes &bytes, std::size_t at, bool v4) {
    auto word = [&](std::size_t from, int size) {
        std::uint64_t value = 0;
        for (int i = 0; i < size; ++i)
            value = value << 8 | bytes[from + static_cast<std::size_t>(i)];
        return value;
    };
    if (v4) return Address::v4(static_cast<std::uint32_t>(word(at, 4)));
    return {word(at, 8), word(at + 8, 8)};
}

// The two addresses of a frame without tags.
std::optional<std::set<Address>> ends_of(const Bytes &bytes) {
    const bool v4 = bytes.size() >= 34 && bytes[12] == 8,
               v6 = bytes.size() >= 54 && bytes[12] == 0x86;
    if (v4) return std::set{address_at(bytes, 26, true), address_at(bytes, 30, true)};
    if (v6) return std::set{address_at(bytes, 22, false), address_at(bytes, 38, false)};
    return std::nullopt;
}

Asked random_question(Random &random, const Policy &policy) {
    if (random.chance(25)) {
        Sent sent = random_packet(random, policy);
        return {.direction = sent.direction, .bytes = std::move(sent.bytes)};
    }
    const FlowEnds ends = random_ends(random, policy);
    const bool swapped = random.chance(15);
    const Direction direction =
        (ends.opener == Direction::in) != swapped ? Direction::in : Direction::out;
    Packet packet = packet_of(random, ends, direction);
    if (random.chance(3))
        packet.fragment = Fragment{.offset = 0, .more = true, .id = 1, .length = 40};
    return {.direction = direction, .bytes = frame(packet)};
}

// It passes by what was asked before, which the programs are not told.
bool is_dhcp_answer(const Asked &one) {
    const bool v4 = one.bytes.size() >= 38 && one.bytes[12] == 8 && one.bytes[23] == PM_PROTO_UDP;
    const bool v6 = one.bytes.size() >= 58 && one.bytes[12] == 0x86;
    const std::size_t ports = v4 ? 14 + std::size_t{4} * (one.bytes[14] & 15) : 54;
    if ((!v4 && !v6) || one.bytes.size() < ports + 4 || one.direction == Direction::out)
        return false;
    const unsigned from = one.bytes[ports] << 8 | one.bytes[ports + 1];
    const unsigned to = one.bytes[ports + 2] << 8 | one.bytes[ports + 3];
    return v4 ? from == 67 && to == 68 : to == 546;
}

// Of a packet without tags, options and extension headers, whole, and of a protocol that conntrack
// does not look into: one that the parachute has to pass where the programs do.
bool is_plain(const Bytes &bytes) {
    constexpr std::uint8_t protocols[] = {PM_PROTO_TCP, PM_PROTO_UDP, PM_PROTO_ICMP,
                                          PM_PROTO_ICMPV6, 50};
    auto is_known = [&](std::uint8_t one) {
        return std::ranges::find(protocols, one) != std::end(protocols);
    };
    if (bytes[12] == 8 && bytes[13] == 0)
        return bytes[14] == 0x45 && (bytes[20] & 0x3f) == 0 && bytes[21] == 0 &&
               is_known(bytes[23]);
    return bytes[12] == 0x86 && bytes[13] == 0xdd && is_known(bytes[20]);
}

// The host of the test has none.
bool is_to_a_link_local_address(const Bytes &bytes) {
    return bytes[12] == 0x86 && bytes[38] == 0xfe && (bytes[39] & 0xc0) == 0x80;
}

void ask_programs(const Policy &policy, Asked &one) {
    const Verdict verdict = Kernel::shared().ask(one.direction, one.bytes);
    one.permitted = verdict.passes() || is_dhcp_answer(one);
    one.should_pass = verdict.kind == Verdict::Kind::row && is_plain(one.bytes) &&
                      !is_to_a_link_local_address(one.bytes) &&
                      !is_exempt(policy.rows[static_cast<std::size_t>(verdict.number)]);
}

// Random packets of which no two between emptyings have the same ends.
void send_random(Wire &wire, const Site &site, Random &random, std::size_t packets, Tally &tally) {
    std::vector<Asked> asked;
    std::set<std::set<Address>> ends;
    while (asked.size() < packets) {
        if (asked.size() % packets_between_flushes == 0) {
            wire.forget_flows();
            ends.clear();
        }
        Asked one = random_question(random, site.policy);
        if (!Kernel::can_run(one.direction, one.bytes)) continue;
        // The stack makes its own Ethernet header, and knows its own address as a source.
        if (one.direction == Direction::out)
            std::ranges::copy(host_mac, one.bytes.begin() + host_mac.size());
        const auto pair = ends_of(one.bytes);
        if (pair && pair->size() == 1) continue;
        const bool is_new = !pair || ends.insert(*pair).second;
        if (!is_new && random.chance(90)) continue;
        ask_programs(site.policy, one);
        // The stack itself may refuse to send; a packet of a flow that is there says nothing.
        if (!is_new ||
            !wire.send(one.direction, one.bytes, static_cast<std::uint16_t>(asked.size() + 1))) {
            if (is_new) continue;
            one.should_pass = false;
            one.permitted = true;
        }
        asked.push_back(std::move(one));
    }
    count(wire, site, asked, tally);
}

std::string report(const Site &site, const Tally &tally) {
    std::string text = print(site.policy);
    for (const std::string &one : tally.wider) text += "wider: " + one + "\n";
    for (const std::string &one : tally.narrower) text += "narrower: " + one + "\n";
    return text;
}

TEST_F(Parachute, RandomPacketsPassOnlyWhereThePolicyPassesThem) {
    const std::uint64_t seed = setting("PM_SEED", std::random_device{}());
    const std::uint64_t packets = setting("PM_PARACHUTE_PACKETS", 100'000);
    constexpr std::size_t packets_per_policy = 1'000;
    Tally all;
    for (std::uint64_t round = 0; all.sent < packets; ++round) {
        Random random(seed + round);
        Site site{.policy = random_policy(random), .zone = 0};
        for (Row &row : site.policy.rows) row.expires = 0;  // nftables goes by another clock
        load_programs(site);
        load_parachute(parachute::render(site.policy).commands, site);
        Tally tally;
        send_random(wire_, site, random, packets_per_policy, tally);
        ASSERT_TRUE(tally.wider.empty()) << "PM_SEED=" << seed + round << "\n"
                                         << report(site, tally);
        all.sent += tally.sent;
        all.passed += tally.passed;
        all.should += tally.should;
        all.did += tally.did;
    }
    std::printf(
        "%llu packets, %llu passed; of %llu that should pass, %llu did\n",
        static_cast<unsigned long long>(all.sent), static_cast<unsigned long long>(all.passed),
        static_cast<unsigned long long>(all.should), static_cast<unsigned long long>(all.did));
    EXPECT_GT(all.did, packets / 100);
    EXPECT_GE(static_cast<double>(all.did), 0.99 * static_cast<double>(all.should));
}

// The packets that a line of `expect` describes: its first addresses and ports.
std::vector<Question> questions_of(const Policy &policy, const Expectation &line) {
    const bool out = !line.from_role.empty();
    auto addresses = [&](const std::optional<Address> &one, const std::string &role) {
        if (one) return std::vector<Address>{*one};
        const AddressSetDef &def = policy.roles.at(role);
        if (def.is_interface)
            return std::vector{address("203.0.113.77"), address("2001:db8:77::1")};
        std::vector<Address> all;
        for (const Range &range : def.addresses.ranges()) all.push_back(range.first);
        return all;
    };
    std::vector<Question> all;
    for (const Address &from : addresses(line.from_address, line.from_role))
        for (const Address &to : addresses(line.to_address, line.to_role))
            for (const PortRange &source : line.source_port)
                if (from.is_v4() == to.is_v4())
                    all.push_back(
                        {.from = from,
                         .to = to,
                         .from_port = source.last,
                         .to_port = line.port.empty() ? std::uint16_t{0} : line.port[0].first,
                         .transport = line.transport,
                         .direction = out ? Direction::out : Direction::in});
    return all;
}

Packet packet_of(const Question &one) {
    Packet packet;
    packet.from = one.from;
    packet.to = one.to;
    const bool v4 = one.from.is_v4();
    if (one.transport == PM_PROTO_TCP)
        packet.transport = Tcp{.source = one.from_port, .destination = one.to_port};
    else if (one.transport == PM_PROTO_UDP)
        packet.transport = Udp{.source = one.from_port, .destination = one.to_port};
    else if (one.transport == (v4 ? PM_PROTO_ICMP : PM_PROTO_ICMPV6))
        packet.transport = Icmp{.type = static_cast<std::uint8_t>(v4 ? 8 : 128)};
    else
        packet.transport = Raw{.protocol = one.transport};
    if (one.transport == 2) packet.hop_limit = 1;
    return packet;
}

class ExpectLines : public Parachute, public testing::WithParamInterface<std::string> {};

// Every line of every shipped policy, as the parachute has it, on each interface.
TEST_P(ExpectLines, AreTheParachutesVerdicts) {
    const auto read =
        read_policy(std::string(PM_SOURCE_DIR "/tests/policies/") + GetParam() + ".yaml",
                    {{PM_SOURCE_DIR "/policy"}});
    ASSERT_TRUE(read.policy) << render(read.diagnostics, false);
    Site site{.policy = *read.policy, .zone = 0};
    ASSERT_TRUE(parachute::closed_rows(site.policy).empty());
    const std::string commands = parachute::render(site.policy).commands;
    std::size_t asked = 0;
    for (site.zone = 0; site.zone < std::max<std::size_t>(1, site.policy.interfaces.size());
         ++site.zone) {
        load_programs(site);
        load_parachute(commands, site);
        std::uint16_t number = 0;
        std::vector<std::pair<Asked, std::string>> all;
        for (const Expectation &line : site.policy.expect)
            for (const Question &one : questions_of(site.policy, line)) {
                Asked packet{.direction = one.direction, .bytes = frame(packet_of(one))};
                ask_programs(site.policy, packet);
                wire_.forget_flows();
                if (!wire_.send(packet.direction, packet.bytes, ++number))
                    --number;
                else
                    all.emplace_back(packet, to_string(one));
            }
        const std::set<std::uint16_t> in = wire_.passed(Direction::in),
                                      out = wire_.passed(Direction::out);
        for (std::uint16_t i = 1; i <= number; ++i) {
            const Asked &one = all[i - 1].first;
            EXPECT_EQ((one.direction == Direction::in ? in : out).contains(i), one.permitted)
                << all[i - 1].second << " on " << zone_interface(site);
        }
        wire_.forget();
        asked += number;
        Random random(setting("PM_SEED", std::random_device{}()));
        Tally tally;
        send_random(wire_, site, random, 2'000, tally);
        EXPECT_TRUE(tally.wider.empty()) << report(site, tally);
        EXPECT_GE(static_cast<double>(tally.did), 0.98 * static_cast<double>(tally.should))
            << report(site, tally);
    }
    EXPECT_GT(asked, 0U);
}

INSTANTIATE_TEST_SUITE_P(Shipped, ExpectLines,
                         testing::Values("coturn", "host-base", "kamailio-rtpengine",
                                         "lync-2013-consolidated-edge", "lync-2013-public-im",
                                         "lync-2013-public-im-interface",
                                         "teams-direct-routing-sbc"),
                         [](const auto &one) {
                             std::string name = one.param;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

// The comparison finds a rule that is wider than its row.
TEST_F(Parachute, AWiderRuleIsFound) {
    const Site site{.policy = mixed_policy(), .zone = 0};
    load_programs(site);
    std::string commands = parachute::render(site.policy).commands;
    const std::string port = "50000", wider = "49000";
    ASSERT_NE(commands.find(port), std::string::npos);
    for (std::size_t at = 0; (at = commands.find(port, at)) != std::string::npos; at += port.size())
        commands.replace(at, port.size(), wider);
    load_parachute(commands, site);
    Random random(7);
    Tally tally;
    send_random(wire_, site, random, packets_numbered, tally);
    EXPECT_FALSE(tally.wider.empty());
}

}  // namespace
}  // namespace pm::test
