// SPDX-License-Identifier: Apache-2.0
// One packet, one verdict: TCP, UDP, ICMP and ICMPv6, other protocols.
#include "tests/packet/cases.h"

namespace pm::test {
namespace {

constexpr auto in = Direction::in, out = Direction::out;

std::vector<Case> transport_cases() {
    auto flags = [](int value) {
        return frame(sip(Tcp{.flags = static_cast<std::uint8_t>(value)}));
    };
    auto words = [](int value, Bytes options = {}) {
        return frame(
            sip(Tcp{.options = options, .header_words = static_cast<std::uint8_t>(value)}));
    };
    auto udp = [](int length) {
        return frame(make_packet("198.51.100.7", "203.0.113.11",
                                 Udp{.length = static_cast<std::uint16_t>(length)}));
    };
    std::vector<Case> cases = {
        {"TcpHeader4Words", in, words(4), "malformed-l4"},
        {"TcpHeaderBeyondEnd", in, words(6), "malformed-l4"},
        {"TcpHeader6Words", in, words(6, Bytes(4, 1)), "row sip-in"},
        {"TcpPortZeroSource", in, frame(sip(Tcp{.source = 0})), "malformed-l4"},
        {"TcpPortZeroDestination", in, frame(sip(Tcp{.destination = 0})), "malformed-l4"},
        {"TcpWithPayload", in, frame(sip(Tcp{.payload = Bytes(900, 1)})), "row sip-in"},
        {"UdpWhole", in, udp(16), "row stun-in"},
        {"UdpSurplus", in, udp(12), "row stun-in"},
        {"UdpEmpty", in, udp(8), "row stun-in"},
        {"UdpLength7", in, udp(7), "malformed-l4"},
        {"UdpLengthBeyondEnd", in, udp(17), "malformed-l4"},
        {"UdpPortZero", in, frame(sip(Udp{.source = 0})), "malformed-l4"},
        {"Gre", in, frame(sip(Raw{47})), "row gre-in"},
        {"GreOut", out, frame(make_packet("203.0.113.10", "198.51.100.7", Raw{47})), "no-row"},
        {"GreEmpty", in, frame(sip(Raw{47, {}})), "row gre-in"},
        {"Sctp", in, frame(sip(Raw{132})), "unsupported-protocol"},
        {"UdpLite", in, frame(sip(Raw{136})), "unsupported-protocol"},
        {"Protocol255", in, frame(sip(Raw{255})), "unsupported-protocol"},
        {"Protocol0V4", in, frame(sip(Raw{0})), "unsupported-protocol"},
        {"SixInFour", in, frame(sip(Raw{41, datagram(sip6())})), "unsupported-protocol"},
        {"IcmpShort", in, frame(sip(Raw{1, Bytes(7, 8)})), "malformed-l4"},
        {"IcmpInV6", in, frame(sip6(Raw{1, Bytes(8, 8)})), "unsupported-protocol"},
        {"Icmpv6InV4", in, frame(sip(Raw{58, Bytes(8, 128)})), "unsupported-protocol"},
    };
    // RFC 9293 knows these combinations of flags. Only scanners send others.
    for (int value = 0; value < 256; ++value) {
        const int core = value & (FIN | SYN | RST | ACK);
        bool exists = core == SYN || core == (SYN | ACK) || core == ACK || core == (FIN | ACK) ||
                      core == RST || core == (RST | ACK);
        if (value & URG && !(value & ACK)) exists = false;
        cases.push_back({"TcpFlags" + std::to_string(value), in, flags(value),
                         !exists       ? "bad-tcp-flags"
                         : core == SYN ? "row sip-in"
                                       : "not-first-packet"});
    }
    return cases;
}

std::vector<Case> icmp_cases() {
    auto v4 = [](int type) { return frame(sip(Icmp{.type = static_cast<std::uint8_t>(type)})); };
    auto v6 = [](int type, int hop_limit = 255, int code = 0, const char *source = "fe80::1") {
        Packet packet = make_packet(
            source, "2001:db8:10::10",
            Icmp{.type = static_cast<std::uint8_t>(type), .code = static_cast<std::uint8_t>(code)});
        packet.hop_limit = static_cast<std::uint8_t>(hop_limit);
        return frame(packet);
    };
    std::vector<Case> cases = {
        {"Ping", in, v4(8), "row ping-in"},
        {"PingV6", in, frame(sip6(Icmp{.type = 128})), "row ping-in"},
        {"PingOfAStranger", in, frame(make_packet("192.0.2.1", "203.0.113.10", Icmp{})), "no-row"},
        {"PingToAnotherRole", in, frame(make_packet("198.51.100.7", "203.0.113.11", Icmp{})),
         "no-row"},
        {"PingOut", out, frame(make_packet("203.0.113.10", "192.0.2.1", Icmp{})), "row ping-out"},
        {"EchoReplyToNothing", in, v4(0), "not-first-packet"},
        {"EchoReplyOutToNothing", out,
         frame(make_packet("203.0.113.10", "192.0.2.1", Icmp{.type = 0})), "no-row"},
        {"ErrorAboutNothing", in,
         frame(icmp_error(address("192.0.2.1"), address("203.0.113.10"),
                          datagram(make_packet("203.0.113.10", "198.51.100.7")))),
         "icmp-unrelated"},
        {"MldV6", in, v6(143, 1), "essential-multicast"},
        {"MldWithoutAddress", in, v6(131, 1, 0, "::"), "essential-multicast"},
        {"MldHopLimit2", in, v6(143, 2), "malformed-essential"},
        {"MldFromAfar", in, v6(130, 1, 0, "2001:db8:20::7"), "malformed-essential"},
        {"SolicitationWithoutAddress", in, v6(135, 255, 0, "::"), "essential-neighbour"},
        {"NeighbourHopLimit254", in, v6(135, 254), "malformed-essential"},
        {"NeighbourCode1", in, v6(136, 255, 1), "malformed-essential"},
        {"AdvertisementOut", out, v6(136), "essential-neighbour"},
        {"NeighbourFragment", in,
         with(make_packet("fe80::1", "2001:db8:10::10", Icmp{.type = 135}),
              [](Packet &p) { p.hop_limit = 255, p.fragment = Fragment{.more = true}; }),
         "malformed-essential"},
        {"NeighbourAtomicFragment", in,
         with(make_packet("fe80::1", "2001:db8:10::10", Icmp{.type = 135}),
              [](Packet &p) { p.hop_limit = 255, p.fragment = Fragment{}; }),
         "malformed-essential"},
        {"IgmpInV6", in, frame(sip6(Raw{2})), "unsupported-protocol"},
    };
    for (int type : {133, 134, 135, 136})
        cases.push_back({"Neighbour" + std::to_string(type), in, v6(type), "essential-neighbour"});
    for (int type : {130, 131, 132, 143})
        cases.push_back({"Mld" + std::to_string(type), in, v6(type, 1), "essential-multicast"});
    for (int type : {4, 5, 9, 10, 13, 14, 15, 16, 17, 18, 42})
        cases.push_back({"Icmp" + std::to_string(type), in, v4(type), "unsupported-icmp"});
    for (int type : {0, 100, 127, 137, 138, 139, 140, 144, 151, 255})
        cases.push_back({"Icmpv6Type" + std::to_string(type), in, v6(type), "unsupported-icmp"});
    for (int type : {3, 11, 12})
        cases.push_back({"IcmpError" + std::to_string(type), in, v4(type), "icmp-unrelated"});
    for (int type : {1, 2, 3, 4})
        cases.push_back({"Icmpv6Error" + std::to_string(type), in, v6(type), "icmp-unrelated"});
    return cases;
}

class Protocols : public OnePacket {};

TEST_P(Protocols, Verdict) {
    expect_verdict();
}

INSTANTIATE_TEST_SUITE_P(Transport, Protocols, testing::ValuesIn(transport_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Icmp, Protocols, testing::ValuesIn(icmp_cases()), name_of);

}  // namespace
}  // namespace pm::test
