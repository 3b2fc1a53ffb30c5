// SPDX-License-Identifier: Apache-2.0
// The catalogue's rows about TCP, UDP, ICMP and other protocols.
#include "tests/packet/catalogue.h"

namespace pm::test {
namespace {

TEST_F(Catalogue, Row027FlagsThatNoSegmentHas) {
    passed("row sip-in", sip());
    passed("row sip-in", tcp(partner, 40000, access4, 5061, ACK));
    for (int flags : {0, FIN, FIN | PSH | URG, SYN | FIN, SYN | RST, FIN | RST, FIN | RST | ACK,
                      SYN | FIN | ACK, URG, PSH, 0xff, SYN | URG})
        for (int port : {5061, 5063})  // to a flow that lives, and to nothing
            dropped("bad-tcp-flags", tcp(partner, 40000, access4, port, flags));
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Catalogue, Row028TcpHeaderLengthAndPortZero) {
    for (const std::uint8_t words : up_to(16))
        if (words != 5) dropped("malformed-l4", sip(Tcp{.header_words = words}));
    dropped("malformed-l4", sip(Tcp{.source = 0}));
    dropped("malformed-l4", sip(Tcp{.destination = 0}));
}

TEST_F(Catalogue, Row029SynInAllItsForms) {
    int port = 40000;
    for (int flags : {SYN, SYN | ECE | CWR, SYN | ECE, SYN | PSH})
        passed("row sip-in", tcp(partner, port++, access4, 5061, flags));
    Bytes accurate = frame(tcp(partner, port++, access4, 5061, SYN | ECE | CWR));
    accurate[14 + 20 + 12] |= 1;  // the AE bit
    passed("row sip-in", accurate);
    passed("row sip-in", tcp(partner, port++, access4, 5061, SYN, Bytes(300, 1)));
    EXPECT_EQ(flows(), 6U);
    dropped("no-service", tcp(partner, port, access4, 5063, SYN | ECE | CWR));
}

TEST_F(Catalogue, Row030AckScanAndUnsolicitedSynAck) {
    for (int flags : {ACK, SYN | ACK, RST | ACK, FIN | ACK}) {
        dropped("not-first-packet", tcp(partner, 40000, access4, 5061, flags));
        dropped("not-first-packet", tcp(partner, 5061, access4, 40000, flags));
        dropped("no-service", tcp(partner, 40000, access4, 5063, flags));
    }
}

TEST_F(Catalogue, Row031SynOfALiveFlowIsJudged) {
    passed("row sip-in", sip());
    passed("row sip-in", sip());
    EXPECT_EQ(flows(), 1U);
    host.ban(addresses({"198.51.100.7/32"}));
    dropped("banned", sip());
}

TEST_F(Catalogue, Row032SynAgainstTheWayOfAFlow) {
    passed("row sip-out", tcp(access4, 40000, partner, 5061, SYN), out);
    dropped("no-service", tcp(partner, 5061, access4, 40000, SYN));
    passed("row sip-out", tcp(partner, 5061, access4, 40000, SYN | ACK));
    dropped("no-service", tcp(partner, 5061, access4, 40000, SYN));
}

TEST_F(Catalogue, Row036SourcePortsThatLookLikeAnswers) {
    for (int port : {20, 53, 67, 80, 88, 123, 443, 500, 1900, 5061}) {
        dropped("no-service", tcp(stranger, port, access4, 22022, SYN));
        if (port != 53) dropped("no-service", udp(stranger, port, access4, 22022));
    }
    dropped("not-first-packet", udp(stranger, 53, access4, 22022));
}

TEST_F(Catalogue, Row037AnswerFromElsewhereOrTooLate) {
    passed("row dns-out", udp(access4, 40000, stranger, 53), out);
    dropped("not-first-packet", udp("192.0.2.8", 53, access4, 40000));
    dropped("not-first-packet", udp(stranger, 53, access4, 40001));
    dropped("no-service", udp(stranger, 54, access4, 40000));
    host.wait(130);
    dropped("not-first-packet", udp(stranger, 53, access4, 40000));
}

TEST_F(Catalogue, Row038UdpLength) {
    auto length = [](std::uint16_t value) {
        return make_packet(partner, av4, Udp{.payload = Bytes(8, 1), .length = value});
    };
    for (const std::uint16_t value : numbers({0, 7, 17, 65535}))
        dropped("malformed-l4", length(value));
    for (const std::uint16_t value : numbers({16, 12, 8})) passed("row stun-in", length(value));
}

TEST_F(Catalogue, Row039UdpWithoutChecksum) {
    Bytes v4 = frame(stun_in()), v6 = frame(stun_in6());
    v4[14 + 20 + 6] = v4[14 + 20 + 7] = 0;
    v6[14 + 40 + 6] = v6[14 + 40 + 7] = 0;
    passed("row stun-in", v4);
    passed("row stun-in", v6);  // the stack drops it
}

TEST_F(Catalogue, Row040OtherProtocols) {
    for (const std::uint8_t protocol : octets({0, 2, 33, 51, 88, 89, 103, 112, 132, 136, 255})) {
        dropped(protocol == 2 ? "malformed-essential" : "unsupported-protocol", sip(Raw{protocol}));
        if (protocol != 0 && protocol != 51)  // there a hop-by-hop header, and one of RFC 4302
            dropped("unsupported-protocol", sip6(Raw{protocol}));
    }
}

TEST_F(Catalogue, Row041AnswersToGroupsHaveRowsOfTheirOwn) {
    Packet question = udp(access4, 5353, "224.0.0.251", 5353);
    passed("row mdns-out", question, out);
    EXPECT_EQ(flows(), 0U);
    dropped("no-service", udp(stranger, 5353, access4, 40000));
    dropped("no-service", udp(stranger, 67, access4, 68));
    Packet discover = udp("0.0.0.0", 68, "255.255.255.255", 67);
    discover.destination_mac = broadcast_mac;
    passed("essential-dhcp", discover, out);
    passed("essential-dhcp", udp(stranger, 67, access4, 68));
}

class CatalogueIcmp : public Catalogue {
protected:
    // An error on the way to `to`, about a segment of the flow partner:40000 - access4:5061.
    static Packet error(std::uint8_t type, const Packet &quoted, const char *to = access4,
                        std::size_t limit = 576) {
        return icmp_error(address("192.0.2.1"), address(to), datagram(quoted), limit, type);
    }
    static Packet sent() { return tcp(access4, 5061, partner, 40000, ACK); }
};

TEST_F(CatalogueIcmp, Row042TooBigAboutOurOwnFlow) {
    passed("row dns-out", udp(access4, 40000, stranger, 53), out);
    passed("row dns-out", udp(access6, 40000, partner6, 53), out);
    passed("essential-icmp-error", with(error(3, udp(access4, 40000, stranger, 53)),
                                        [](Packet &p) { std::get<Icmp>(p.transport).code = 4; }));
    passed("essential-icmp-error", icmp_error(address("2001:db8:99::1"), address(access6),
                                              datagram(udp(access6, 40000, partner6, 53)), 576, 2));
}

TEST_F(CatalogueIcmp, Row043ErrorAboutAnUnknownFlow) {
    for (const std::uint8_t type : octets({3, 11, 12}))
        dropped("icmp-unrelated", error(type, sent()));
}

TEST_F(CatalogueIcmp, Row044ErrorToldToAnotherHost) {
    passed("row sip-in", sip());
    dropped("icmp-unrelated", error(3, sent(), av4));
    passed("essential-icmp-error", error(3, sent()));
}

TEST_F(CatalogueIcmp, Row045QuoteThatTellsNoFlow) {
    passed("row sip-in", sip());
    for (std::size_t limit : {0, 1, 19, 20, 27})
        dropped("icmp-unrelated", error(3, sent(), access4, limit));
    dropped("icmp-unrelated", error(3, part(sent(), 16, false)));
    for (const std::uint8_t words : octets({0, 4, 15}))
        dropped("icmp-unrelated", error(3, [&] {
                    Packet quoted = sent();
                    quoted.header_words = words;
                    return quoted;
                }()));
    dropped("icmp-unrelated", error(3, error(3, sent(), partner)));
    dropped("icmp-unrelated", part(error(3, sent()), 0, true, 40));
}

TEST_F(CatalogueIcmp, Row046AbsurdMtuIsTheStacksToClamp) {
    passed("row sip-in", sip());
    for (const std::uint16_t mtu : numbers({0, 67, 68, 1279})) {
        Packet packet = error(3, sent());
        std::get<Icmp>(packet.transport).code = 4;
        std::get<Icmp>(packet.transport).sequence = mtu;
        passed("essential-icmp-error", packet);
    }
}

TEST_F(CatalogueIcmp, Row047ErrorLeavesItsFlowAsItWas) {
    passed("row sip-in", sip());
    const pm_flow before = host.kernel().flows().at(0);
    host.wait(33);
    passed("essential-icmp-error", error(3, sent()));
    const pm_flow after = host.kernel().flows().at(0);
    EXPECT_EQ(after.packets[0] + after.packets[1], before.packets[0] + before.packets[1]);
    EXPECT_EQ(after.marks, before.marks);
    host.wait(33);
    dropped("not-first-packet", tcp(partner, 40000, access4, 5061, ACK));
}

TEST_F(CatalogueIcmp, Row048TypesThatNobodyNeeds) {
    for (int type : {4, 5, 6, 9, 10, 13, 14, 15, 16, 17, 18, 30, 42, 43, 255})
        dropped("unsupported-icmp", icmp(partner, access4, type));
    for (int type : {0, 100, 127, 137, 138, 139, 140, 144, 155, 200, 255})
        dropped("unsupported-icmp", icmp(partner6, access6, type));
}

TEST_F(CatalogueIcmp, Row049RequestWithTheIdentifierOfOurOwnPing) {
    passed("row ping-out", echo_request(access4, stranger), out);
    dropped("no-row", echo_request(stranger, access4));
    dropped("not-first-packet", echo_reply(stranger, access4, 78));
    passed("row ping-out", echo_reply(stranger, access4));
}

TEST_F(CatalogueIcmp, Row050RepliesAndGroups) {
    dropped("not-first-packet", echo_reply(partner, access4));
    Packet group = echo_request(partner, "224.0.0.1");
    group.destination_mac = multicast_mac;
    dropped("no-role", group);
    Packet all = echo_request(partner, "255.255.255.255");
    all.destination_mac = broadcast_mac;
    dropped("no-role", all);
}

TEST_F(CatalogueIcmp, Row050RequestsAreHeldToTheRowsLimit) {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows)
        if (row.id == "ping-in") row.limit = {.flows = 1, .per_seconds = 11, .burst = 2};
    host.apply(policy);
    passed("row ping-in", echo_request(partner, access4, 1));
    passed("row ping-in", echo_request(partner, access4, 2));
    dropped("rate-limited", echo_request(partner, access4, 3));
    passed("row ping-in", echo_request("198.51.100.8", access4, 3));  // each peer has its own
    passed("row ping-in", echo_request(partner, access4, 1));         // a live one is not asked
    host.wait(22);
    passed("row ping-in", echo_request(partner, access4, 3));
}

// More peers than `limits` has room for, each with two flows, so that the table keeps them.
TEST_F(CatalogueIcmp, Row163NoFloodOfPeersGivesARowItsBurstAnew) {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows) {
        if (row.id == "ping-in")
            row.limit = {.flows = 1, .per_seconds = 60, .burst = 2, .per_row = true};
        if (row.id == "stun-in") row.limit = {.flows = 2, .per_seconds = 1, .burst = 2};
    }
    host.apply(policy);
    passed("row ping-in", echo_request(partner, access4, 1));
    passed("row ping-in", echo_request("198.51.100.8", access4, 2));
    dropped("rate-limited", echo_request("198.51.100.9", access4, 3));
    for (std::uint32_t peer = 0; peer < 20'000; ++peer)
        for (const int port : {5000, 5001})
            passed("row stun-in",
                   udp(to_string(Address::v4(0x0b000000 + peer)).c_str(), port, av4, 3478));
    dropped("rate-limited", echo_request("198.51.100.9", access4, 3));
    host.wait(60);
    passed("row ping-in", echo_request("198.51.100.9", access4, 3));
}

}  // namespace
}  // namespace pm::test
