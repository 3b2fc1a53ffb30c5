// SPDX-License-Identifier: Apache-2.0
// Where no socket vouches for a tcp flow, its handshake does (bpf/handshake.h). In a test run no
// packet has the socket of its flow.
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

class Handshake : public testing::Test {
protected:
    static Packet numbered(Packet packet, std::uint32_t sequence, std::uint32_t acknowledged) {
        auto &header = std::get<Tcp>(packet.transport);
        header.sequence = sequence;
        header.acknowledged = acknowledged;
        return packet;
    }
    std::string from_peer(int flags, std::uint32_t sequence, std::uint32_t acknowledged) {
        return host.in(numbered(tcp(partner, 40000, access4, 5061, flags), sequence, acknowledged));
    }
    std::string to_peer(int flags, std::uint32_t sequence, std::uint32_t acknowledged) {
        return host.out(
            numbered(tcp(access4, 5061, partner, 40000, flags), sequence, acknowledged));
    }
    // What lives longer than one that opens or closes is established.
    bool is_established() {
        host.wait(250);
        return from_peer(ACK, 101, 5000) == "row sip-in";
    }
    void begin() {
        EXPECT_EQ(from_peer(SYN, 100, 0), "row sip-in");
        EXPECT_EQ(to_peer(SYN | ACK, 900, 101), "row sip-in");
    }

    Host host{mixed_policy()};
};

TEST_F(Handshake, VouchesForAFlowThatComesIn) {
    begin();
    EXPECT_EQ(host.kernel().flows().at(0).vouched, PM_VOUCH_AWAITED);
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    ASSERT_EQ(host.kernel().flows().size(), 1U);
    const pm_flow flow = host.kernel().flows().at(0);
    EXPECT_EQ(flow.vouched, PM_VOUCH_HANDSHAKE);
    EXPECT_EQ(flow.packets[PM_IN] + flow.packets[PM_OUT], 3U);
    EXPECT_TRUE(is_established());
}

TEST_F(Handshake, IsNotGuessed) {
    for (const std::uint32_t guess : {0U, 1U, 900U, 902U, ~0U}) {
        begin();
        EXPECT_EQ(from_peer(ACK, 101, guess), "row sip-in");
        EXPECT_FALSE(is_established()) << guess;
    }
}

TEST_F(Handshake, IsNotCompletedByAnRst) {
    begin();
    EXPECT_EQ(from_peer(RST | ACK, 101, 901), "row sip-in");
    EXPECT_EQ(host.kernel().flows().at(0).vouched, PM_VOUCH_AWAITED);
}

// A segment that has its number once more does not undo a FIN.
TEST_F(Handshake, IsCompletedOnce) {
    begin();
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    EXPECT_EQ(from_peer(FIN | ACK, 101, 901), "row sip-in");
    EXPECT_EQ(from_peer(ACK, 102, 901), "row sip-in");
    EXPECT_FALSE(is_established());
}

TEST_F(Handshake, NeedsTheSynAckOfThisHost) {
    EXPECT_EQ(from_peer(SYN, 100, 0), "row sip-in");
    EXPECT_EQ(to_peer(ACK, 900, 101), "row sip-in");
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    EXPECT_FALSE(is_established());
}

TEST_F(Handshake, TakesTheLastSynAck) {
    begin();
    EXPECT_EQ(to_peer(SYN | ACK, 1900, 101), "row sip-in");
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    EXPECT_EQ(from_peer(ACK, 101, 1901), "row sip-in");
    EXPECT_EQ(to_peer(SYN | ACK, 2900, 101), "row sip-in") << "it changes nothing any more";
    EXPECT_EQ(host.kernel().flows().at(0).vouched, PM_VOUCH_HANDSHAKE);
    EXPECT_TRUE(is_established());
}

// No socket of this host brings the flow back, so the forged RST shortens its life by less.
TEST_F(Handshake, AnRstMayBeForged) {
    begin();
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    EXPECT_EQ(from_peer(RST, 4711, 0), "row sip-in");
    host.wait(220);
    EXPECT_EQ(from_peer(ACK, 101, 902), "row sip-in");
    EXPECT_EQ(from_peer(RST, 4711, 0), "row sip-in");
    host.wait(260);
    EXPECT_EQ(from_peer(ACK, 101, 902), "not-first-packet");
}

TEST_F(Handshake, WrapsAround) {
    EXPECT_EQ(from_peer(SYN, 100, 0), "row sip-in");
    EXPECT_EQ(to_peer(SYN | ACK, ~0U, 101), "row sip-in");
    EXPECT_EQ(from_peer(ACK, 101, 0), "row sip-in");
    EXPECT_TRUE(is_established());
}

TEST_F(Handshake, VouchesForAFlowThatGoesOut) {
    const Packet syn = numbered(tcp(access4, 40000, partner, 5061, SYN), 700, 0);
    const Packet answer = tcp(partner, 5061, access4, 40000, SYN | ACK);
    EXPECT_EQ(host.out(syn), "row sip-out");
    EXPECT_EQ(host.in(numbered(answer, 300, 700)), "row sip-out");
    EXPECT_EQ(host.kernel().flows().at(0).vouched, PM_VOUCH_AWAITED);
    EXPECT_EQ(host.in(numbered(answer, 300, 701)), "row sip-out");
    ASSERT_EQ(host.kernel().flows().size(), 1U);
    EXPECT_EQ(host.kernel().flows().at(0).vouched, PM_VOUCH_HANDSHAKE);
    host.wait(250);
    EXPECT_EQ(host.in(numbered(tcp(partner, 5061, access4, 40000, ACK), 301, 701)), "row sip-out");
}

// A connection of the same ends begins again in the entry of one that has ended.
TEST_F(Handshake, OfTheNextConnection) {
    begin();
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    EXPECT_EQ(from_peer(FIN | ACK, 101, 901), "row sip-in");
    EXPECT_EQ(to_peer(FIN | ACK, 901, 102), "row sip-in");
    begin();
    EXPECT_EQ(from_peer(ACK, 101, 901), "row sip-in");
    EXPECT_TRUE(is_established());
}

}  // namespace
}  // namespace pm::test
