// SPDX-License-Identifier: Apache-2.0
// What the parachute does with packets of flows: answers, errors, fragments, bans; and its size.
#include <cstdio>
#include <optional>
#include <stdexcept>

#include "loader/base/clock.h"
#include "tests/packet/parachute_site.h"
#include "tests/support/edge_packets.h"
#include "tests/support/policy_builder.h"

namespace pm::test {
namespace {

class OnMixed : public Parachute {
protected:
    OnMixed() {
        load_parachute(parachute::render(site_.policy).commands, site_);
        if (HasFatalFailure()) throw std::runtime_error("no parachute");
    }
    bool passes(Direction direction, const Packet &packet) {
        EXPECT_TRUE(wire_.send(direction, frame(packet), 1));
        const bool passed = wire_.passed(direction).contains(1);
        wire_.forget();
        return passed;
    }
    const Site site_{.policy = mixed_policy(), .zone = 0};
};

TEST_F(OnMixed, ABanCutsAFlowButNotOfAFailsafeRow) {
    const Packet sip = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, SYN);
    const Packet ssh = tcp("192.0.2.130", 40000, "203.0.113.10", 22, SYN);
    ASSERT_TRUE(passes(Direction::in, sip));
    ASSERT_TRUE(passes(Direction::in, ssh));
    auto ban = [](const char *text, std::optional<std::uint64_t> expires) {
        return Ban{.prefix = *parse_prefix(text), .created = 0, .expires = expires};
    };
    const std::uint64_t now = realtime_seconds();
    ASSERT_TRUE(parachute::replace_bans({ban("198.51.100.0/24", now + 3600),
                                         ban("198.51.100.7/32", now + 60),
                                         ban("192.0.2.0/24", std::nullopt)}));
    EXPECT_FALSE(passes(Direction::in, sip));
    EXPECT_TRUE(passes(Direction::in, ssh));
    EXPECT_FALSE(passes(Direction::out, tcp("203.0.113.10", 40000, "198.51.100.7", 5061, SYN)));
    ASSERT_TRUE(parachute::replace_bans({}));
    EXPECT_TRUE(passes(Direction::in, sip));
}

TEST_F(OnMixed, AnErrorPassesOnlyIfItsFlowIsPermitted) {
    const Packet asked = udp("203.0.113.10", 40000, "198.51.100.53", 53);
    ASSERT_TRUE(passes(Direction::out, asked));
    const Packet error =
        icmp_error(address("198.51.100.1"), address("203.0.113.10"), datagram(asked));
    EXPECT_TRUE(passes(Direction::in, error));
    const Packet other = udp("203.0.113.10", 40001, "198.51.100.53", 53);
    EXPECT_FALSE(passes(Direction::in, icmp_error(address("198.51.100.1"), address("203.0.113.10"),
                                                  datagram(other))));
}

TEST_F(OnMixed, AnAnswerPassesAndNothingElseOfItsSender) {
    ASSERT_TRUE(passes(Direction::out, udp("203.0.113.10", 40000, "198.51.100.53", 53)));
    EXPECT_TRUE(passes(Direction::in, udp("198.51.100.53", 53, "203.0.113.10", 40000)));
    EXPECT_FALSE(passes(Direction::in, udp("198.51.100.53", 53, "203.0.113.10", 40001)));
    EXPECT_FALSE(passes(Direction::in, tcp("198.51.100.7", 40000, "203.0.113.10", 5061, ACK)));
}

TEST_F(OnMixed, FragmentsAreJudgedTogether) {
    auto half = [](int port, bool first, std::uint32_t id) {
        Packet packet = udp("198.51.100.7", 40000, "203.0.113.11", port);
        std::get<Udp>(packet.transport).payload = Bytes(192, 0x55);
        packet.fragment = Fragment{.offset = static_cast<std::uint16_t>(first ? 0 : 104),
                                   .more = first,
                                   .id = id,
                                   .length = 104};
        return packet;
    };
    EXPECT_FALSE(passes(Direction::in, half(3478, true, 1)));
    EXPECT_TRUE(passes(Direction::in, half(3478, false, 1)));
    EXPECT_FALSE(passes(Direction::in, half(3479, true, 1)));
    EXPECT_FALSE(passes(Direction::in, half(3479, false, 1)));
}

TEST_F(OnMixed, ADhcpAnswerNeedsItsQuestion) {
    const Packet answer = udp("192.0.2.1", 67, "203.0.113.10", 68);
    EXPECT_FALSE(passes(Direction::in, answer));
    EXPECT_TRUE(passes(Direction::out, udp("203.0.113.10", 68, "192.0.2.1", 67)));
    EXPECT_TRUE(passes(Direction::in, answer));
    const Packet reply = udp("fe80::2", 49152, "2001:db8:10::10", 546);
    EXPECT_FALSE(passes(Direction::in, reply));
    EXPECT_TRUE(passes(Direction::out, udp("2001:db8:10::10", 546, "ff02::1:2", 547)));
    EXPECT_TRUE(passes(Direction::in, reply));
}

// 100,000 prefixes are one set, and are loaded in a time that a boot can spare.
TEST_F(Parachute, AHundredThousandPrefixes) {
    std::vector<Range> ranges;
    for (std::uint32_t i = 0; i < 100'000; ++i)
        ranges.push_back({Address::v4(0x0b000000 + i * 4), Address::v4(0x0b000000 + i * 4 + 1)});
    PolicyBuilder builder("large");
    builder.role("access", {"203.0.113.10/32"}).peers_from_file("many", AddressSet(ranges));
    builder.row("in", {PM_PROTO_TCP}, "many", "access", {{443, 443}});
    const Site site{.policy = builder.policy, .zone = 0};
    const double begin = monotonic_seconds();
    const parachute::Rendering made = parachute::render(site.policy);
    const double rendered = monotonic_seconds();
    const Done checked = parachute::check_table(made.commands);
    ASSERT_TRUE(checked) << checked.error().message;
    const double done = monotonic_seconds();
    load_parachute(made.commands, site);
    std::printf("# 100,000 prefixes: rendered in %.1f s, checked in %.1f s, loaded in %.1f s\n",
                rendered - begin, done - rendered, monotonic_seconds() - done);
    auto passes = [&](const char *from) {
        EXPECT_TRUE(
            wire_.send(Direction::in, frame(tcp(from, 40000, "203.0.113.10", 443, SYN)), 1));
        const bool passed = wire_.passed(Direction::in).contains(1);
        wire_.forget();
        return passed;
    };
    EXPECT_TRUE(passes("11.0.0.1"));
    EXPECT_FALSE(passes("11.0.0.2"));
}

}  // namespace
}  // namespace pm::test
