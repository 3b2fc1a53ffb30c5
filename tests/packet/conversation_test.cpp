// SPDX-License-Identifier: Apache-2.0
// TCP conversations that stateful filters are known to get wrong: what must pass passes, and no
// segment that could be forged ends a flow.
#include "tests/packet/catalogue.h"

namespace pm::test {
namespace {

class Conversation : public Catalogue {
protected:
    void shake_hands() {
        EXPECT_EQ(client(SYN), row_);
        EXPECT_EQ(server(SYN | ACK), row_);
        EXPECT_EQ(client(ACK), row_);
    }
    std::uint8_t marks() { return host.kernel().flows().at(0).marks; }

    const std::string row_ = "row sip-in";
};

TEST_F(Conversation, Row033ForgedRstOrFinShortensAndTheNextSegmentRestores) {
    shake_hands();
    EXPECT_EQ(client(RST), row_);
    EXPECT_EQ(marks() & PM_FLOW_RESET, PM_FLOW_RESET);
    EXPECT_EQ(server(ACK, Bytes(100, 1)), row_);
    EXPECT_EQ(marks() & PM_FLOW_RESET, 0);
    EXPECT_EQ(client(FIN | ACK), row_);
    host.wait(220);
    EXPECT_EQ(server(ACK, Bytes(100, 1)), row_) << "after a FIN there are four minutes";
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Conversation, Row034ChallengeAck) {
    shake_hands();
    EXPECT_EQ(client(SYN), row_) << "a SYN within a connection";
    EXPECT_EQ(server(ACK), row_) << "is answered by an ACK";
    EXPECT_EQ(client(RST), row_);
    EXPECT_EQ(server(ACK), row_) << "likewise an RST that misses its place";
    EXPECT_EQ(client(ACK, Bytes(10, 1)), row_);
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Conversation, Row034LateSynAckAndItsRst) {
    EXPECT_EQ(client(SYN), row_);
    EXPECT_EQ(server(SYN | ACK), row_);
    EXPECT_EQ(server(SYN | ACK), row_) << "sent again";
    EXPECT_EQ(client(RST), row_) << "the client has given up";
    EXPECT_EQ(client(SYN), row_);
    EXPECT_EQ(server(SYN | ACK), row_);
    EXPECT_EQ(client(ACK), row_);
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Conversation, Row034PortsAreUsedAgain) {
    shake_hands();
    EXPECT_EQ(client(FIN | ACK), row_);
    EXPECT_EQ(server(FIN | ACK), row_);
    EXPECT_EQ(client(ACK), row_);
    shake_hands();
    EXPECT_EQ(client(ACK, Bytes(10, 1)), row_);
    EXPECT_EQ(client(RST), row_);
    host.wait(22);
    EXPECT_EQ(server(ACK), "not-first-packet");
    shake_hands();
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Conversation, Row034HalfClosedForTenMinutes) {
    shake_hands();
    EXPECT_EQ(client(FIN | ACK), row_) << "the client has nothing more to say";
    for (int minutes = 0; minutes < 10; minutes += 3) {
        host.wait(3 * 60);
        EXPECT_EQ(server(ACK, Bytes(1000, 1)), row_);
        EXPECT_EQ(client(ACK), row_);
    }
    EXPECT_EQ(server(FIN | ACK), row_);
}

TEST_F(Conversation, Row032SimultaneousOpenNeedsARowEachWay) {
    EXPECT_EQ(host.out(tcp(access4, 5061, partner, 5061, SYN)), "row sip-out");
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 5061, SYN)), row_);
    EXPECT_EQ(host.out(tcp(access4, 5061, partner, 5061, SYN | ACK)), row_);
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 5061, SYN | ACK)), row_);
    EXPECT_EQ(host.out(tcp(access4, 40000, partner, 5061, SYN)), "row sip-out");
    EXPECT_EQ(host.in(tcp(partner, 5061, access4, 40000, SYN)), "no-service");
}

TEST_F(Conversation, Row034MiddleOfAConversationNeedsASocket) {
    for (int flags : {ACK, PSH | ACK, FIN | ACK, RST | ACK, SYN | ACK}) {
        EXPECT_EQ(client(flags, Bytes(10, 1)), "not-first-packet");
        EXPECT_EQ(server(flags, Bytes(10, 1)), "not-first-packet");
    }
    EXPECT_EQ(flows(), 0U);
}

// To a limit, a source port that is used again and again is one new flow each time.
TEST_F(Conversation, Row050PortsThatAreUsedAgainAreHeldToTheLimit) {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows)
        if (row.id == "sip-in") row.limit = {.flows = 1, .per_seconds = 11, .burst = 2};
    host.apply(policy);
    shake_hands();
    EXPECT_EQ(client(SYN), row_) << "it opens nothing";
    EXPECT_EQ(client(RST), row_);
    shake_hands();
    EXPECT_EQ(client(RST), row_);
    EXPECT_EQ(client(ACK), row_) << "which the stack may have discarded";
    EXPECT_EQ(client(SYN), "rate-limited");
    EXPECT_EQ(client(ACK), row_) << "a live flow is not limited";
}

}  // namespace
}  // namespace pm::test
