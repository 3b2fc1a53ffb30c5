// SPDX-License-Identifier: Apache-2.0
// Fragments: a later one follows its first, and its bytes are never taken for ports.
#include <gtest/gtest.h>

#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

class Fragments : public testing::TestWithParam<bool> {
protected:
    bool v6() const { return GetParam(); }
    Address local() const { return address(v6() ? "2001:db8:10::11" : "203.0.113.11"); }
    Address remote() const { return address(v6() ? "2001:db8:20::7" : "198.51.100.7"); }

    // A part of a datagram of 64 bytes to row stun-in.
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

    Host host{mixed_policy()};
};

TEST_P(Fragments, ALaterOneFollowsItsFirst) {
    EXPECT_EQ(host.in(part(32, false)), "fragment-unknown");
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
    EXPECT_EQ(host.out(answer(0, true)), "row stun-in");
    EXPECT_EQ(host.out(answer(32, false)), "row stun-in");
    EXPECT_EQ(host.oracle().live_flows(), 1U);
}

TEST_P(Fragments, IdAddressesAndDirectionTellDatagramsApart) {
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    EXPECT_EQ(host.in(part(32, false, 32, 0x1235)), "fragment-unknown");
    Packet other = part(32, false);
    other.from = address(v6() ? "2001:db8:20::8" : "198.51.100.8");
    EXPECT_EQ(host.in(other), "fragment-unknown");
    EXPECT_EQ(host.out(answer(32, false)), "fragment-unknown");
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
}

TEST_P(Fragments, AFirstIsRememberedForHalfAMinute) {
    EXPECT_EQ(host.in(part(0, true)), "row stun-in");
    host.wait(22);
    EXPECT_EQ(host.in(part(32, false)), "row stun-in");
    host.wait(11);
    EXPECT_EQ(host.in(part(32, false)), "fragment-unknown");
}

TEST_P(Fragments, ARefusedFirstLeavesNothing) {
    Packet first = part(0, true), later = part(32, false);
    first.to = later.to = address(v6() ? "2001:db8:10::12" : "203.0.113.12");
    EXPECT_EQ(host.in(first), "no-role");
    EXPECT_EQ(host.in(later), "fragment-unknown");
}

TEST_P(Fragments, AFirstMustHoldTheWholeHeader) {
    EXPECT_EQ(host.in(part(0, true, 8)), "row stun-in");
    EXPECT_EQ(host.in(part(0, true, 7)), "malformed-l4");
    Packet padded = part(0, true, 7);
    padded.trailer = Bytes(13, 0x0d);  // a small frame's padding is no part of it
    EXPECT_EQ(host.in(padded), "malformed-l4");
    Packet syn{.from = remote(), .to = local(), .transport = Tcp{.options = Bytes(4, 1)}};
    syn.fragment = Fragment{.more = true, .length = 16};
    EXPECT_EQ(host.in(syn), "malformed-l4");
    syn.fragment->length = 20;
    EXPECT_EQ(host.in(syn), "malformed-l4") << "its options are cut off";
}

TEST_P(Fragments, TcpFlagsAreNotRewritten) {
    Packet ack{.from = remote(), .to = local(), .transport = Tcp{.payload = Bytes(64, 2)}};
    ack.fragment = Fragment{.offset = 8, .more = false};
    EXPECT_EQ(host.in(ack), "malformed-ip");
    ack.fragment->offset = 16;
    EXPECT_EQ(host.in(ack), "fragment-unknown");
}

TEST_P(Fragments, NothingLiesBeyondTheLargestDatagram) {
    auto at = [&](std::uint16_t offset, std::size_t length) {
        Packet packet = part(offset, false, length);
        packet.transport = Raw{17, Bytes(65600, 0x0d)};
        return host.in(packet);
    };
    const std::size_t room = v6() ? 31 : 11;  // IPv4 counts its header in
    EXPECT_EQ(at(65504, room), "fragment-unknown");
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
    looks_allowed.transport = Raw{17, [] {
                                      Bytes bytes(40, 0);
                                      bytes[32] = 0x9c, bytes[33] = 0x40;  // 40000
                                      bytes[34] = 0x0d, bytes[35] = 0x96;  // 3478
                                      bytes[37] = 8;
                                      return bytes;
                                  }()};
    EXPECT_EQ(host.in(looks_allowed), "fragment-unknown");
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, Fragments, testing::Bool(),
                         [](const auto &family) { return family.param ? "V6" : "V4"; });

}  // namespace
}  // namespace pm::test
