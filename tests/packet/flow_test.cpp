// SPDX-License-Identifier: Apache-2.0
// What packets leave behind for later ones: replies, expiry, a new policy under live flows,
// fragments, ICMP errors, DHCP.
#include <gtest/gtest.h>

#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

class Flow : public testing::Test {
protected:
    // Opens a tcp flow on row sip-in by the three segments of its handshake.
    void shake_hands() {
        EXPECT_EQ(host.in(tcp(partner, 40000, access4, 5061, SYN)), "row sip-in");
        EXPECT_EQ(host.out(tcp(access4, 5061, partner, 40000, SYN | ACK)), "row sip-in");
        EXPECT_EQ(host.in(tcp(partner, 40000, access4, 5061, ACK)), "row sip-in");
    }
    std::string segment_in(int flags = ACK) {
        return host.in(tcp(partner, 40000, access4, 5061, flags));
    }
    std::string segment_out(int flags = ACK) {
        return host.out(tcp(access4, 5061, partner, 40000, flags));
    }

    Host host{mixed_policy()};
};

TEST_F(Flow, TcpPassesBothWaysAndItsNeighboursDoNot) {
    shake_hands();
    EXPECT_EQ(segment_out(ACK | PSH), "row sip-in");
    EXPECT_EQ(host.in(tcp(partner, 40001, access4, 5061, ACK)), "not-first-packet");
    EXPECT_EQ(host.in(tcp("198.51.100.8", 40000, access4, 5061, ACK)), "not-first-packet");
    EXPECT_EQ(host.out(tcp(access4, 5061, partner, 40001, ACK)), "not-first-packet");
}

TEST_F(Flow, EverySegmentButASynNeedsALiveFlow) {
    for (int flags : {ACK, FIN | ACK, RST, RST | ACK, SYN | ACK, PSH | ACK}) {
        EXPECT_EQ(segment_in(flags), "not-first-packet");
        EXPECT_EQ(segment_out(flags), "not-first-packet");
    }
}

TEST_F(Flow, ASynIsJudgedEvenWhereItsFlowIsLive) {
    EXPECT_EQ(host.out(tcp(access4, 5061, partner, 40000, SYN)), "no-service");
    shake_hands();
    EXPECT_EQ(host.out(tcp(access4, 5061, partner, 40000, SYN)), "no-service");
    EXPECT_EQ(segment_in(SYN), "row sip-in");
    EXPECT_EQ(segment_in(), "row sip-in");
}

TEST_F(Flow, AReversedSynOpensNothingThatNoRowPermits) {
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, SYN)), "row sip-out");
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 40000, SYN)), "no-service");
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 40000, SYN | ACK)), "row sip-out");
}

TEST_F(Flow, OpeningTcpExpiresAfterAMinute) {
    EXPECT_EQ(segment_in(SYN), "row sip-in");
    host.wait(55);
    EXPECT_EQ(segment_out(SYN | ACK), "row sip-in");
    host.wait(55);
    EXPECT_EQ(segment_in(), "row sip-in");
    host.wait(66);
    EXPECT_EQ(segment_in(), "not-first-packet");
}

TEST_F(Flow, ASynDoesNotRefreshItsFlow) {
    EXPECT_EQ(segment_in(SYN), "row sip-in");
    host.wait(33);
    EXPECT_EQ(segment_in(SYN), "row sip-in");
    host.wait(33);
    EXPECT_EQ(segment_out(SYN | ACK), "not-first-packet");
}

TEST_F(Flow, AnRstShortensAndTheNextSegmentRestores) {
    shake_hands();
    EXPECT_EQ(segment_in(RST), "row sip-in");
    host.wait(5);
    EXPECT_EQ(segment_out(), "row sip-in");
    host.wait(33);
    EXPECT_EQ(segment_in(RST), "row sip-in");
    host.wait(15);
    EXPECT_EQ(segment_out(), "not-first-packet");
}

TEST_F(Flow, AClosingTcpFlowStaysForFourMinutes) {
    shake_hands();
    EXPECT_EQ(segment_in(FIN | ACK), "row sip-in");
    host.wait(230);
    EXPECT_EQ(segment_out(), "row sip-in");
    host.wait(250);
    EXPECT_EQ(segment_out(FIN | ACK), "not-first-packet");
}

TEST_F(Flow, UdpExpiresAfterTwoMinutesOrFiveOnceAnswered) {
    EXPECT_EQ(host.in(udp(stranger, 40000, av4, 3478)), "row stun-in");
    host.wait(110);
    EXPECT_EQ(host.in(udp(stranger, 40000, av4, 3478)), "row stun-in");
    host.wait(130);
    EXPECT_EQ(host.out(udp(av4, 3478, stranger, 40000)), "not-first-packet");

    EXPECT_EQ(host.in(udp(stranger, 40000, av4, 3478)), "row stun-in");
    EXPECT_EQ(host.out(udp(av4, 3478, stranger, 40000)), "row stun-in");
    host.wait(290);
    EXPECT_EQ(host.out(udp(av4, 3478, stranger, 40000)), "row stun-in");
    host.wait(310);
    EXPECT_EQ(host.out(udp(av4, 3478, stranger, 40000)), "not-first-packet");
}

TEST_F(Flow, AnAnswerFromElsewhereIsNone) {
    EXPECT_EQ(host.out(udp(access4, 40000, stranger, 53)), "row dns-out");
    EXPECT_EQ(host.in(udp("192.0.2.8", 53, access4, 40000)), "not-first-packet");
    EXPECT_EQ(host.in(udp(stranger, 53, access4, 40001)), "not-first-packet");
    EXPECT_EQ(host.in(udp(stranger, 53, av4, 40000)), "no-row");
    EXPECT_EQ(host.in(udp(stranger, 53, access4, 40000)), "row dns-out");
    host.wait(290);
    EXPECT_EQ(host.in(udp(stranger, 53, access4, 40000)), "row dns-out");
}

TEST_F(Flow, EchoRepliesBelongToTheirRequestAlone) {
    EXPECT_EQ(host.out(echo_request(access4, stranger)), "row ping-out");
    EXPECT_EQ(host.in(echo_reply(stranger, access4, 78)), "not-first-packet");
    EXPECT_EQ(host.in(echo_reply(stranger, access4)), "row ping-out");
    // A request with the identifier of our own ping does not belong to that flow.
    EXPECT_EQ(host.in(echo_request(stranger, access4)), "no-row");
    host.wait(33);
    EXPECT_EQ(host.in(echo_reply(stranger, access4)), "not-first-packet");

    EXPECT_EQ(host.in(echo_request("2001:db8:20::7", "2001:db8:10::10")), "row ping-in");
    EXPECT_EQ(host.out(echo_reply("2001:db8:10::10", "2001:db8:20::7")), "row ping-in");
}

TEST_F(Flow, OtherProtocolsAreFlowsByAddressPair) {
    Packet to_host{.from = address(partner), .to = address(access4), .transport = Raw{47}};
    Packet to_peer{.from = address(access4), .to = address(partner), .transport = Raw{47}};
    EXPECT_EQ(host.out(to_peer), "no-row");
    EXPECT_EQ(host.in(to_host), "row gre-in");
    EXPECT_EQ(host.out(to_peer), "row gre-in");
}

TEST_F(Flow, ANewPolicyWithoutTheRowCutsAtOnce) {
    shake_hands();
    EXPECT_EQ(host.in(udp(stranger, 40000, av4, 3478)), "row stun-in");
    Policy without = mixed_policy();
    std::erase_if(without.rows, [](const Row &row) { return row.id == "sip-in"; });
    std::erase_if(without.rows, [](const Row &row) { return row.id == "stun-in"; });
    without.peers["public"].addresses =
        without.peers["public"].addresses - addresses({"198.51.100.0/24"});
    host.apply(without);
    EXPECT_EQ(segment_in(), "no-row");
    EXPECT_EQ(segment_out(), "no-row");
    EXPECT_EQ(host.in(udp(stranger, 40000, av4, 3478)), "no-service");

    host.apply(mixed_policy());
    EXPECT_EQ(segment_in(), "row sip-in") << "as after a rollback";
}

TEST_F(Flow, ANewPolicyThatKeepsTheRowKeepsTheFlow) {
    shake_hands();
    host.apply(mixed_policy());
    EXPECT_EQ(segment_out(), "row sip-in");
    Policy other = mixed_policy();
    std::erase_if(other.rows, [](const Row &row) { return row.id == "sip-in"; });
    host.apply(other);
    EXPECT_EQ(segment_out(), "row sip-any-in") << "credited to the row that now admits it";
}

TEST_F(Flow, ANewBlockCutsAtOnceInBothDirections) {
    shake_hands();
    Policy blocking = mixed_policy();
    blocking.block.push_back("partners");
    host.apply(blocking);
    EXPECT_EQ(segment_out(), "blocked");
    EXPECT_EQ(segment_in(), "blocked");
}

// An ICMP error from any router on the way, about a packet that this host sent.
TEST_F(Flow, AnIcmpErrorPassesIfItQuotesALiveFlow) {
    const Packet sent = tcp(access4, 5061, partner, 40000, ACK);
    const Packet received = tcp(partner, 40000, access4, 5061, ACK);
    auto error_in = [&](const Packet &quoted, const char *to = access4, std::size_t limit = 576) {
        return host.in(icmp_error(address("192.0.2.1"), address(to), datagram(quoted), limit));
    };
    EXPECT_EQ(error_in(sent), "icmp-unrelated");
    shake_hands();
    EXPECT_EQ(error_in(sent), "essential-icmp-error");
    EXPECT_EQ(error_in(sent, access4, 28), "essential-icmp-error");
    EXPECT_EQ(error_in(sent, access4, 27), "icmp-unrelated") << "8 bytes are the least";
    EXPECT_EQ(error_in(sent, av4), "icmp-unrelated") << "told to another host than the sender";
    EXPECT_EQ(error_in(received), "icmp-unrelated") << "not a packet that we sent";
    EXPECT_EQ(error_in(tcp(access4, 5061, partner, 40001, ACK)), "icmp-unrelated");
    EXPECT_EQ(host.out(icmp_error(address(access4), address(partner), datagram(received))),
              "essential-icmp-error");
    EXPECT_EQ(host.out(icmp_error(address(av4), address(partner), datagram(received))),
              "icmp-unrelated")
        << "not from the address that it was sent to";

    Packet fragment = sent;
    fragment.fragment = Fragment{.offset = 16};
    EXPECT_EQ(error_in(fragment), "icmp-unrelated") << "no ports are quoted";
    Packet options = sent;
    options.options = {148, 4, 0, 0};
    EXPECT_EQ(error_in(options), "essential-icmp-error");
    options.header_words = 4;
    EXPECT_EQ(error_in(options), "icmp-unrelated");

    host.apply(mixed_policy());
    EXPECT_EQ(error_in(sent), "essential-icmp-error") << "a flow that would still pass is live";
}

// A flow that is promoted leaves its young entry behind, marked as moved. The assured entry may
// expire long before that one, for example after an RST.
TEST(Promotion, AYoungEntryThatWasPromotedIsNoFlow) {
    Host host(mixed_policy());
    const Packet syn = tcp(partner, 40000, access4, 5061, SYN);
    const Packet syn_out = tcp(access4, 40000, partner, 5061, SYN);
    EXPECT_EQ(host.in(syn), "row sip-in");
    EXPECT_EQ(host.out(syn_out), "row sip-out");
    host.kernel().mark_moved();
    for (const Packet &packet :
         {tcp(partner, 40000, access4, 5061, ACK), tcp(partner, 5061, access4, 40000, ACK)}) {
        const Seen seen = host.kernel().see(Direction::in, frame(packet));
        ASSERT_EQ(seen.moved.size(), 1U);
        EXPECT_EQ(seen.moved[0].verdict, drop(PM_DROP_NOT_FIRST_PACKET));
    }
}

// `assured` has one entry for the same ends, whoever opened. An entry that a policy has cut is no
// live flow and may be overwritten.
TEST(Promotion, AnEntryOfTheOtherOpenerIsWrittenOver) {
    Host host(mixed_policy());
    EXPECT_EQ(host.out(udp(access4, 40000, stranger, 53)), "row dns-out");
    host.kernel().add_cut_entries();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(host.in(udp(stranger, 53, access4, 40000)), "row dns-out");
        EXPECT_EQ(host.out(udp(access4, 40000, stranger, 53)), "row dns-out");
    }
    const auto flows = host.kernel().flows();
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].opener, PM_OUT);
    EXPECT_EQ(flows[0].packets[PM_IN], 3U);
}

TEST_F(Flow, AnIcmpErrorDoesNotRefreshItsFlow) {
    shake_hands();
    host.wait(33);
    EXPECT_EQ(host.in(icmp_error(address("192.0.2.1"), address(access4),
                                 datagram(tcp(access4, 5061, partner, 40000, ACK)))),
              "essential-icmp-error");
    host.wait(33);
    EXPECT_EQ(segment_in(), "not-first-packet");
}

TEST_F(Flow, AnIcmpv6ErrorPassesLikewise) {
    const char *local = "2001:db8:10::10", *remote = "2001:db8:20::7";
    auto error = [&](int type, const Packet &quoted) {
        return host.in(
            icmp_error(address("2001:db8:99::1"), address(local), datagram(quoted), 576, type));
    };
    EXPECT_EQ(host.out(echo_request(local, remote)), "row ping-out");
    for (int type : {1, 2, 3, 4})
        EXPECT_EQ(error(type, echo_request(local, remote)), "essential-icmp-error");
    EXPECT_EQ(error(1, echo_reply(local, remote)), "icmp-unrelated");
    EXPECT_EQ(error(1, icmp_error(address(local), address(remote), Bytes(64))), "icmp-unrelated")
        << "an error about an error";
}

// Most "packet too big" errors quote a fragmented datagram.
TEST_F(Flow, AnIcmpv6ErrorMayQuoteExtensionHeaders) {
    const char *local = "2001:db8:10::10", *remote = "2001:db8:20::7";
    Packet sent = udp(local, 40000, remote, 53, Bytes(2000, 1));
    sent.fragment = Fragment{.offset = 0, .more = true, .length = 1448};
    auto error = [&](const Packet &quoted, std::size_t limit = 1000) {
        return host.in(
            icmp_error(address("2001:db8:99::1"), address(local), datagram(quoted), limit, 2));
    };
    EXPECT_EQ(error(sent), "icmp-unrelated");
    EXPECT_EQ(host.out(sent), "row dns-out");
    EXPECT_EQ(error(sent), "essential-icmp-error");
    EXPECT_EQ(error(sent, 56), "essential-icmp-error") << "both headers and the ports";
    EXPECT_EQ(error(sent, 55), "icmp-unrelated");
    EXPECT_EQ(error(sent, 47), "icmp-unrelated");
    for (const auto type : {std::uint8_t{0}, std::uint8_t{60}}) {
        sent.extensions = {{.type = type}};
        EXPECT_EQ(error(sent), "essential-icmp-error");
    }
    sent.extensions = {{.type = 0}, {.type = 60}, {.type = 60}};
    EXPECT_EQ(error(sent), "essential-icmp-error");
    sent.extensions.push_back({.type = 60});
    EXPECT_EQ(error(sent), "icmp-unrelated") << "more than four";
    sent.extensions = {{.type = 60, .body = Bytes(118)}};
    EXPECT_EQ(error(sent), "essential-icmp-error");
    sent.extensions = {{.type = 60, .body = Bytes(126)}};
    EXPECT_EQ(error(sent), "icmp-unrelated") << "more than 128 bytes";
    sent.extensions = {{.type = 43}};
    EXPECT_EQ(error(sent), "icmp-unrelated") << "which this host never sends";
    sent.extensions = {};
    const Bytes ports{0x9c, 0x40, 0, 53, 0, 8, 0, 0};
    Bytes repeated = ports;
    repeated.insert(repeated.end(), ports.begin(), ports.end());
    sent.transport = Raw{17, repeated};
    sent.fragment = Fragment{.offset = 0, .more = true, .length = 8};
    EXPECT_EQ(error(sent), "essential-icmp-error");
    sent.fragment = Fragment{.offset = 8, .more = false};
    EXPECT_EQ(error(sent), "icmp-unrelated") << "what looks like its ports";
}

// CPUs do not read the clock at the same instant. A stamp that lies a moment in the future is new;
// it must not be taken for one that is older than everything.
TEST_F(Flow, AStampFromAProcessorThatIsAheadIsNotOld) {
    const std::uint32_t tick = 1U << PM_STAMP_SHIFT;
    Packet first = udp(stranger, 40000, av4, 3478, Bytes(56, 1)), later = first;
    first.fragment = Fragment{.offset = 0, .more = true, .length = 32};
    later.fragment = Fragment{.offset = 32, .more = false};
    Packet discover = udp("0.0.0.0", 68, "255.255.255.255", 67);
    discover.destination_mac = broadcast_mac;
    shake_hands();
    EXPECT_EQ(host.in(first), "row stun-in");
    EXPECT_EQ(host.out(discover), "essential-dhcp");
    for (const std::uint32_t ticks :
         {50U, 2U, 1U}) {  // a CPU that was interrupted may hold an old time
        host.kernel().age(0, ticks * tick);
        EXPECT_EQ(segment_in(), "row sip-in");
        EXPECT_EQ(segment_out(), "row sip-in");
        EXPECT_EQ(host.in(later), "row stun-in");
    }
    EXPECT_EQ(host.in(udp("192.0.2.1", 67, access4, 68)), "essential-dhcp");
}

TEST_F(Flow, DhcpAnswersPassForAMinuteAfterTheQuestion) {
    const Packet answer = udp("192.0.2.1", 67, "203.0.113.10", 68);
    EXPECT_EQ(host.in(answer), "no-service");
    Packet discover = udp("0.0.0.0", 68, "255.255.255.255", 67);
    discover.destination_mac = broadcast_mac;
    EXPECT_EQ(host.out(discover), "essential-dhcp");
    EXPECT_EQ(host.in(answer), "essential-dhcp");
    Packet offer = udp("192.0.2.1", 67, "255.255.255.255", 68);
    offer.destination_mac = broadcast_mac;
    EXPECT_EQ(host.in(offer), "essential-dhcp");
    host.wait(55);
    EXPECT_EQ(host.in(answer), "essential-dhcp");
    host.wait(11);
    EXPECT_EQ(host.in(answer), "no-service");
    EXPECT_EQ(host.in(udp("fe80::2", 547, "fe80::1", 546)), "no-service");
    EXPECT_EQ(host.out(udp("fe80::1", 546, "ff02::1:2", 547)), "essential-dhcp");
    EXPECT_EQ(host.in(udp("fe80::2", 547, "fe80::1", 546)), "essential-dhcp");
    EXPECT_EQ(host.in(udp("fe80::2", 49152, "fe80::1", 546)), "essential-dhcp")
        << "some servers answer from another port";
    EXPECT_EQ(host.in(udp("fe80::2", 49152, "fe80::1", 547)), "no-service");
    EXPECT_EQ(host.in(udp("192.0.2.1", 49152, "203.0.113.10", 68)), "no-service");
    host.wait(66);
    EXPECT_EQ(host.in(udp("fe80::2", 49152, "fe80::1", 546)), "no-service");
    EXPECT_EQ(host.in(udp("192.0.2.1", 68, "255.255.255.255", 67)), "no-service")
        << "this host is no server";
}

}  // namespace
}  // namespace pm::test
