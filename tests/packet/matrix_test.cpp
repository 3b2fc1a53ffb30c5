// SPDX-License-Identifier: Apache-2.0
// The published table of public instant messaging, row by row: allowed exactly as published,
// and refused one step beside it. Both families, untagged, tagged, double tagged.
#include <gtest/gtest.h>

#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

struct PublishedRow {
    const char *id;
    Direction direction;  // who opens
    int transport;
    bool partners_only;
    PortRange port;
    PortRange source_port;  // as the row has it, or one that no other row takes up
    bool mirrored = false;  // the other direction has the same row
};

void PrintTo(const PublishedRow &row, std::ostream *to) {
    *to << row.id;
}

const PublishedRow published[] = {
    {"access-sip-mtls-in", Direction::in, 6, true, {5061, 5061}, {40000, 40000}, true},
    {"access-sip-mtls-out", Direction::out, 6, true, {5061, 5061}, {40000, 40000}, true},
    {"access-sip-tls-in", Direction::in, 6, false, {443, 443}, {40000, 40000}},
    {"av-rtp-tcp-out", Direction::out, 6, false, {50000, 59999}, {40000, 40000}},
    {"av-rtp-tcp-relay-out", Direction::out, 6, false, {9999, 9999}, {50000, 59999}},
    {"av-stun-out", Direction::out, 17, false, {3478, 3478}, {40000, 40000}, true},
    {"av-stun-in", Direction::in, 17, false, {3478, 3478}, {40000, 40000}, true},
};

const std::vector<Tag> taggings[] = {{}, {{0x8100, 100}}, {{0x88a8, 7}, {0x8100, 0}}};

using Parameters = std::tuple<PublishedRow, bool, std::size_t>;  // row, IPv6, tagging

class Matrix : public testing::TestWithParam<Parameters> {
protected:
    Matrix() : host_(public_im_policy()) {}

    const PublishedRow &row() const { return std::get<0>(GetParam()); }
    bool v6() const { return std::get<1>(GetParam()); }
    Address host_address() const { return address(v6() ? "2001:db8:10::10" : "203.0.113.10"); }
    Address other_host() const { return address(v6() ? "2001:db8:10::11" : "203.0.113.11"); }
    Address peer() const { return address(v6() ? "2001:db8:20::7" : "198.51.100.7"); }
    Address stranger() const { return address(v6() ? "2001:db8:21::7" : "198.51.100.128"); }

    struct Ends {
        Address local, remote;
        std::uint16_t port, source_port;
    };
    Ends ends() const {
        return {host_address(), peer(), row().port.first, row().source_port.first};
    }

    static Transport transport(int protocol, std::uint16_t from, std::uint16_t to,
                               std::uint8_t flags) {
        if (protocol == 17) return Udp{.source = from, .destination = to};
        return Tcp{.source = from, .destination = to, .flags = flags};
    }

    // The flow's first packet, or with `reply` its answer.
    std::string send(const Ends &ends, Direction opener, int protocol, bool reply = false) {
        bool inward = (opener == Direction::in) != reply;
        Packet packet;
        packet.from = inward ? ends.remote : ends.local;
        packet.to = inward ? ends.local : ends.remote;
        packet.transport = reply ? transport(protocol, ends.port, ends.source_port, SYN | ACK)
                                 : transport(protocol, ends.source_port, ends.port, SYN);
        packet.tags = taggings[std::get<2>(GetParam())];
        return inward ? host_.in(packet) : host_.out(packet);
    }
    std::string open(const Ends &ends) { return send(ends, row().direction, row().transport); }
    std::string answer(const Ends &ends) {
        return send(ends, row().direction, row().transport, true);
    }

    Host host_;
};

TEST_P(Matrix, PassesAtBothEndsOfItsPortsAndSoDoesTheReply) {
    const std::string credited = std::string("row ") + row().id;
    for (std::uint16_t port : {row().port.first, row().port.last}) {
        for (std::uint16_t source : {row().source_port.first, row().source_port.last}) {
            Ends at = ends();
            at.port = port;
            at.source_port = source;
            EXPECT_EQ(open(at), credited);
            EXPECT_EQ(answer(at), credited);
        }
    }
}

TEST_P(Matrix, RefusesAReplyToNothing) {
    // The ports of an answer open no flow of their own, except where another row mirrors this one.
    EXPECT_EQ(answer(ends()), "not-first-packet");
}

TEST_P(Matrix, RefusesThePortsBeside) {
    for (auto [port, source] : {std::pair<int, int>{row().port.first - 1, row().source_port.first},
                                {row().port.last + 1, row().source_port.first},
                                {row().port.first, row().source_port.first - 1},
                                {row().port.last, row().source_port.last + 1}}) {
        Ends at = ends();
        at.port = static_cast<std::uint16_t>(port);
        at.source_port = static_cast<std::uint16_t>(source);
        bool any_port = row().source_port.first != row().source_port.last;
        bool any_source = !any_port;
        bool same_port = port >= row().port.first && port <= row().port.last;
        if ((any_source && same_port) || (any_port && !same_port)) continue;  // the row has both
        EXPECT_EQ(open(at), "no-service") << source << " -> " << port;
    }
}

TEST_P(Matrix, RefusesTheOtherTransport) {
    EXPECT_EQ(send(ends(), row().direction, row().transport == 6 ? 17 : 6), "no-service");
}

TEST_P(Matrix, RefusesAPeerOutsideItsSet) {
    Ends at = ends();
    at.remote = stranger();
    EXPECT_EQ(open(at), row().partners_only ? "no-row" : std::string("row ") + row().id);
}

TEST_P(Matrix, RefusesAnAddressThatIsNotTheRoles) {
    Ends at = ends();
    at.local = other_host();
    EXPECT_EQ(open(at), "no-role");
}

TEST_P(Matrix, RefusesTheOtherDirection) {
    Direction other = row().direction == Direction::in ? Direction::out : Direction::in;
    std::string verdict = send(ends(), other, row().transport);
    if (row().mirrored) {
        EXPECT_TRUE(verdict.starts_with("row ")) << verdict;
        EXPECT_NE(verdict, std::string("row ") + row().id);
    } else {
        EXPECT_EQ(verdict, "no-service");
    }
}

TEST_P(Matrix, IsJudgedAlikeAtEveryTruncation) {
    Packet packet;
    bool in = row().direction == Direction::in;
    packet.from = in ? peer() : host_address();
    packet.to = in ? host_address() : peer();
    packet.transport = transport(row().transport, row().source_port.first, row().port.first, SYN);
    packet.tags = taggings[std::get<2>(GetParam())];
    const Bytes whole = frame(packet);
    for (std::size_t length = 14; length < whole.size(); ++length) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        if (!Kernel::can_run(row().direction, cut)) continue;
        std::string verdict = in ? host_.in(cut) : host_.out(cut);
        EXPECT_TRUE(verdict.starts_with("malformed-")) << verdict << " at " << length;
    }
}

std::string name_of(const testing::TestParamInfo<Parameters> &info) {
    std::string name = std::get<0>(info.param).id;
    std::erase(name, '-');
    return name + (std::get<1>(info.param) ? "V6" : "V4") + "Tags" +
           std::to_string(std::get<2>(info.param));
}

INSTANTIATE_TEST_SUITE_P(PublicIm, Matrix,
                         testing::Combine(testing::ValuesIn(published), testing::Bool(),
                                          testing::Range<std::size_t>(0, 3)),
                         name_of);

}  // namespace
}  // namespace pm::test
