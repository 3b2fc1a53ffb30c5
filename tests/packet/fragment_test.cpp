// SPDX-License-Identifier: Apache-2.0
// Fragments: a later one follows its first, and its bytes are never taken for ports.
#include <gtest/gtest.h>

#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

class Fragments : public testing::TestWithParam<bool> {
protected:
    bool v6() const { return GetParam(); }
    Address local() const { return address(v6() ? "2001:db8:10::11" : "203.0.113.11"); }
    Address remote() const { return address(v6() ? "2001:db8:20::7" : "198.51.100.7"); }

    // A part of a UDP datagram of 64 bytes that row stun-in permits.
    Packet part(std::uint16_t offset, bool more, std::size_t length = 32,
                std::uint32_t id = 0x1234) const {
        return {.from = remote(),
                .to = local(),
                .transport = Udp{.payload = Bytes(56, 0x0d)},
                .fragment = Fragment{offset, more, id, length}};
    }
    Packet answer(std::uint16_t offset, bool more) const {
        Packet packet = part(offset, more);
        std::swap(packet.from, packet.to);
        std::get<Udp>(packet.transport).source = 3478;
        std::get<Udp>(packet.transport).destination = 40000;
        return packet;
    }

    static constexpr const char *alone = "essential-fragment";  // its first was not seen
    Host host{mixed_policy()};
};

TEST_P(Fragments, ALaterOneFollowsItsFirst) {
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
    EXPECT_EQ(host.out(answer(0, true)), "row stun-in");
    EXPECT_EQ(host.out(answer(32, false)), "row stun-in");
    EXPECT_EQ(host.oracle().live_flows(), 1U);
}

// Nobody knows who will answer a group, so its datagrams open no flow that a later fragment could
// follow: the first fragment is remembered instead.
TEST_P(Fragments, ALaterOneToAGroupFollowsItsFirst) {
    auto to_group = [&](bool from_us, std::uint16_t offset, bool more) {
        Packet packet = part(offset, more);
        packet.from = from_us ? address(v6() ? "2001:db8:10::10" : "203.0.113.10") : remote();
        packet.to = address(v6() ? "ff02::fb" : "224.0.0.251");
        packet.destination_mac = multicast_mac;
        std::get<Udp>(packet.transport).source = 5353;
        std::get<Udp>(packet.transport).destination = 5353;
        return packet;
    };
    EXPECT_EQ(host.in(to_group(false, 0, true)), "row mdns-in");
    EXPECT_EQ(host.in(to_group(false, 32, false)), "row mdns-in");
    EXPECT_EQ(host.out(to_group(true, 0, true)), "row mdns-out");
    EXPECT_EQ(host.out(to_group(true, 32, false)), "row mdns-out");
    EXPECT_EQ(host.kernel().flows().size(), 0U);
    Policy without = mixed_policy();
    std::erase_if(without.rows, [](const Row &row) { return row.id.starts_with("mdns"); });
    host.apply(without);
    EXPECT_EQ(host.in(to_group(false, 32, false)), "no-service");
}

TEST_P(Fragments, IdAddressesAndDirectionTellDatagramsApart) {
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    EXPECT_EQ(host.in(part(32, false, 32, 0x1235)), alone);
    Packet other = part(32, false);
    other.from = address(v6() ? "2001:db8:20::8" : "198.51.100.8");
    EXPECT_EQ(host.in(other), alone);
    EXPECT_EQ(host.out(answer(32, false)), "fragment-unknown");
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
}

// Findings: of large datagrams that came in another order two of three were lost.
TEST_P(Fragments, ALaterOneMayComeBeforeItsFirst) {
    EXPECT_EQ(host.in(part(32, false)), alone);
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
    EXPECT_EQ(host.out(answer(32, false)), "fragment-unknown") << "what leaves is in order";
    EXPECT_EQ(host.out(answer(0, true)), "row stun-in");
    EXPECT_EQ(host.kernel().flows().size(), 1U);
}

TEST_P(Fragments, ALaterOneBetweenOthersDoesNot) {
    const Address access = address(v6() ? "2001:db8:10::10" : "203.0.113.10");
    const Address outsider = address(v6() ? "fd00::1" : "10.1.1.1");
    const Address blocked = address(v6() ? "2001:db8:20:6::1" : "198.51.100.66");
    const Address admin = address(v6() ? "2001:db8:30::1" : "192.0.2.130");
    const auto sent = [&](const Address &from, const Address &to, std::uint8_t protocol) {
        Packet later = part(32, false);
        later.from = from;
        later.to = to;
        later.transport = Raw{protocol, Bytes(64)};
        return host.in(later);
    };
    EXPECT_EQ(sent(remote(), address(v6() ? "2001:db8:10::12" : "203.0.113.12"), 17),
              "fragment-unknown")
        << "to an address in no role";
    EXPECT_EQ(sent(remote(), access, 6), alone);
    EXPECT_EQ(sent(outsider, access, 6), "fragment-unknown") << "no row has him";
    EXPECT_EQ(sent(remote(), access, 17), "fragment-unknown") << "by udp access only opens";
    EXPECT_EQ(sent(access, local(), 17), "fragment-unknown") << "a forged own address";
    EXPECT_EQ(sent(remote(), access, 47), alone);
    EXPECT_EQ(sent(remote(), local(), 47), "fragment-unknown") << "no row has the protocol there";
    EXPECT_EQ(sent(remote(), access, v6() ? 1 : 58), "fragment-unknown")
        << "ICMP of the other family";
    EXPECT_EQ(sent(blocked, local(), 17), "fragment-unknown") << "a blocked one";
    host.ban(AddressSet({{remote(), remote()}, {admin, admin}}));
    EXPECT_EQ(sent(remote(), local(), 17), "fragment-unknown") << "a banned one";
    EXPECT_EQ(sent(admin, access, 6), alone) << "by a failsafe row";
}

TEST_P(Fragments, LaterOnesAloneHaveAPace) {
    host.kernel().set_paces(Kernel::Paces::full);
    const Seen seen = host.kernel().see(Direction::in, frame(part(32, false)));
    EXPECT_FALSE(seen.passed);
    ASSERT_EQ(seen.moved.size(), 1U);
    EXPECT_EQ(seen.moved[0].verdict, drop(PM_DROP_RATE_LIMITED));
    host.kernel().set_paces(Kernel::Paces::off);
}

TEST_P(Fragments, AFirstIsRememberedForHalfAMinute) {
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    host.wait(22);
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
    host.wait(11);
    EXPECT_EQ(host.in(part(32, false)), alone);
}

TEST_P(Fragments, ARefusedFirstLeavesNothing) {
    Packet first = part(0, true), later = part(32, false);
    first.to = later.to = address(v6() ? "2001:db8:10::12" : "203.0.113.12");
    EXPECT_EQ(host.in(first), "no-role");
    EXPECT_EQ(host.in(later), "fragment-unknown");
}

TEST_P(Fragments, AFirstMustHoldTheWholeHeader) {
    EXPECT_EQ(host.in(part(0, true, 8)), "row stun-in");
    EXPECT_EQ(host.in(part(0, true, 0)), "malformed-l4");
    Packet padded = part(0, true, 0);
    padded.trailer = Bytes(20, 0x0d);  // a small frame's padding is no part of it
    EXPECT_EQ(host.in(padded), "malformed-l4");
    Packet syn{.from = remote(), .to = local(), .transport = Tcp{.options = Bytes(8, 1)}};
    syn.fragment = Fragment{.more = true, .length = 16};
    EXPECT_EQ(host.in(syn), "malformed-l4");
    syn.fragment->length = 24;
    EXPECT_EQ(host.in(syn), "malformed-l4") << "its options are cut off";
}

// The stack cuts other lengths (IPv4) or refuses them (IPv6), so it would see other bytes than were
// judged.
TEST_P(Fragments, AllButTheLastHaveAMultipleOfEightBytes) {
    for (const std::size_t length : {9U, 12U, 15U, 31U, 33U}) {
        EXPECT_EQ(host.in(part(0, true, length)), "malformed-ip");
        EXPECT_EQ(host.in(part(32, true, length % 32)), "malformed-ip");
    }
    EXPECT_EQ(host.in(part(0, true, 7)), "malformed-ip");
    EXPECT_EQ(host.in(part(0, true, 32)), "row stun-in");
    EXPECT_EQ(host.in(part(32, true, 16)), "row stun-in");
    EXPECT_EQ(host.in(part(48, false, 13)), "row stun-in") << "the last is as long as it is";
}

TEST_P(Fragments, TcpFlagsAreNotRewritten) {
    Packet ack{.from = remote(), .to = local(), .transport = Tcp{.payload = Bytes(64, 2)}};
    ack.fragment = Fragment{.offset = 8, .more = false};
    EXPECT_EQ(host.in(ack), "malformed-ip");
    ack.fragment->offset = 16;
    EXPECT_EQ(host.in(ack), "fragment-unknown") << "by tcp av only opens";
}

TEST_P(Fragments, NothingLiesBeyondTheLargestDatagram) {
    auto at = [&](std::uint16_t offset, std::size_t length) {
        Packet packet = part(offset, false, length);
        packet.transport = Raw{17, Bytes(65600, 0x0d)};
        return host.in(packet);
    };
    const std::size_t room = v6() ? 31 : 11;  // IPv4 counts its header in
    EXPECT_EQ(at(65504, room), alone);
    EXPECT_EQ(at(65504, room + 1), "malformed-ip");
    EXPECT_EQ(at(65528, 8), "malformed-ip");
}

TEST_P(Fragments, AreRefusedIfThePolicySaysSo) {
    Policy strict = mixed_policy();
    strict.fragments_drop = true;
    host.apply(strict);
    EXPECT_EQ(host.in(part(0, true)), "fragment-refused");
    EXPECT_EQ(host.in(part(32, false)), "fragment-refused");
    Packet whole = part(0, false, 64);
    EXPECT_EQ(host.in(whole), "row stun-in") << "an atomic fragment is none";
}

TEST_P(Fragments, PortsAreNeverReadOutOfALaterOne) {
    Packet looks_allowed = part(32, false);
    looks_allowed.transport = stun_header_at(32);
    EXPECT_EQ(host.in(looks_allowed), alone) << "not by row stun-in";
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, Fragments, testing::Bool(),
                         [](const auto &family) { return family.param ? "V6" : "V4"; });

}  // namespace
}  // namespace pm::test
