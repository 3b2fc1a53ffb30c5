// SPDX-License-Identifier: Apache-2.0
// One packet, one verdict: what needs no packet before it. The policy is mixed_policy().
#include <gtest/gtest.h>

#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

constexpr auto in = Direction::in, out = Direction::out;

struct Case {
    std::string name;
    Direction direction;
    Bytes bytes;
    std::string verdict;
};

void PrintTo(const Case &it, std::ostream *to) {
    *to << it.name;
}

Packet from(const char *source, const char *destination, Transport transport = Tcp{}) {
    return {.from = address(source), .to = address(destination), .transport = transport};
}

// The packet of row sip-in, to be broken.
Packet sip(Transport transport = Tcp{}) {
    return from("198.51.100.7", "203.0.113.10", transport);
}
Packet sip6(Transport transport = Tcp{}) {
    return from("2001:db8:20::7", "2001:db8:10::10", transport);
}

template <class Change>
Bytes with(Packet packet, Change change) {
    change(packet);
    return frame(packet);
}

std::vector<Case> ethernet_cases() {
    using Tags = std::vector<Tag>;
    auto tagged = [](Tags tags) { return with(sip(), [&](Packet &p) { p.tags = tags; }); };
    auto to_mac = [](Packet packet, Mac mac) {
        return with(packet, [&](Packet &p) { p.destination_mac = mac; });
    };
    const Bytes body = datagram(sip());
    return {
        {"Untagged", in, tagged({}), "row sip-in"},
        {"Tagged", in, tagged({{0x8100, 100}}), "row sip-in"},
        {"PriorityTagged", in, tagged({{0x8100, 0}}), "row sip-in"},
        {"ServiceTagged", in, tagged({{0x88a8, 5}}), "row sip-in"},
        {"OldServiceTagged", in, tagged({{0x9100, 5}, {0x8100, 6}}), "row sip-in"},
        {"DoubleTagged", in, tagged({{0x88a8, 5}, {0x8100, 6}}), "row sip-in"},
        {"ThreeTags", in, tagged({{0x88a8, 1}, {0x8100, 2}, {0x8100, 3}}), "malformed-ethernet"},
        {"DoubleTaggedOtherPort", in,
         with(sip(Tcp{.destination = 5063}),
              [](Packet &p) {
                  p.tags = {{0x88a8, 1}, {}};
              }),
         "no-service"},
        {"TagCutOff", in, frame(0x8100, {0, 100}), "malformed-ethernet"},
        {"HeaderAlone", in, frame(0x0800, {}), "malformed-ip"},
        {"MulticastSource", in, with(sip(), [](Packet &p) { p.source_mac = multicast_mac; }),
         "malformed-ethernet"},
        {"UnicastInBroadcastFrame", in, to_mac(sip(), broadcast_mac), "malformed-ethernet"},
        {"UnicastInMulticastFrame", in, to_mac(sip6(), multicast_mac), "malformed-ethernet"},
        {"MulticastInMulticastFrame", in,
         to_mac(from("198.51.100.7", "224.0.0.251", Udp{.source = 5353, .destination = 5353}),
                multicast_mac),
         "row mdns-in"},
        {"UnicastInMulticastFrameOut", out,
         to_mac(from("203.0.113.10", "198.51.100.7"), multicast_mac), "row sip-out"},
        {"Llc", in, frame(0x0026, Bytes(38, 0xaa)), "unsupported-ethertype"},
        {"Mpls", in, frame(0x8847, body), "unsupported-ethertype"},
        {"Pppoe", in, frame(0x8864, body), "unsupported-ethertype"},
        {"Lldp", in, frame(0x88cc, Bytes(40)), "unsupported-ethertype"},
        {"Lacp", in, frame(0x8809, {1, 1}, slow_mac), "unsupported-ethertype"},  // no bond
        {"V4UnderV6Type", in, with(sip(), [](Packet &p) { p.ethertype = 0x86dd; }), "malformed-ip"},
        {"V6UnderV4Type", in, with(sip6(), [](Packet &p) { p.ethertype = 0x0800; }),
         "malformed-ip"},
    };
}

std::vector<Case> arp_cases() {
    return {
        {"ArpRequest", in, frame(Arp{}), "essential-arp"},
        {"ArpReplyOut", out, frame(Arp{.operation = 2}), "essential-arp"},
        {"ArpTagged", in, frame(Arp{.tags = {{}}}), "essential-arp"},
        {"ArpShort", in, frame(Arp{.length = 27}), "malformed-essential"},
        {"ArpOperation3", in, frame(Arp{.operation = 3}), "malformed-essential"},
        {"ArpOperation257", in, frame(Arp{.operation = 257}), "malformed-essential"},
        {"ArpHardware6", in, frame(Arp{.hardware = 6}), "malformed-essential"},
        {"ArpProtocol", in, frame(Arp{.protocol = 0x0801}), "malformed-essential"},
        {"ArpLongHardware", in, frame(Arp{.hardware_length = 8}), "malformed-essential"},
        {"ArpLongProtocol", in, frame(Arp{.protocol_length = 16}), "malformed-essential"},
        {"Rarp", in, frame(Arp{.ethertype = 0x8035}), "unsupported-ethertype"},
    };
}

std::vector<Case> ipv4_cases() {
    auto options = [](Bytes bytes) { return with(sip(), [&](Packet &p) { p.options = bytes; }); };
    return {
        {"V4Version5", in, with(sip(), [](Packet &p) { p.version = 5; }), "malformed-ip"},
        {"V4Header4Words", in, with(sip(), [](Packet &p) { p.header_words = 4; }), "malformed-ip"},
        {"V4HeaderBeyondTotal", in, with(sip(), [](Packet &p) { p.header_words = 15; }),
         "malformed-ip"},
        {"V4TotalBeyondFrame", in, with(sip(), [](Packet &p) { p.length = 41; }), "malformed-ip"},
        {"V4TotalBelowHeader", in, with(sip(), [](Packet &p) { p.length = 19; }), "malformed-ip"},
        {"V4TotalCutsTcp", in, with(sip(), [](Packet &p) { p.length = 39; }), "malformed-l4"},
        {"V4Trailer", in, with(sip(), [](Packet &p) { p.trailer = Bytes(6, 0xee); }), "row sip-in"},
        {"V4NoOptions", in, options({}), "row sip-in"},
        {"V4RouterAlert", in, options({148, 4, 0, 0}), "row sip-in"},
        {"V4FortyBytesOfOptions", in, options(Bytes(40, 1)), "row sip-in"},
        {"V4EndOfOptions", in, options({0, 131, 131, 131}), "row sip-in"},
        {"V4LooseSourceRoute", in, options({131, 7, 4, 1, 2, 3, 4}), "malformed-ip"},
        {"V4StrictSourceRoute", in, options({1, 137, 7, 4, 1, 2, 3, 4}), "malformed-ip"},
        {"V4OptionWithoutLength", in, options({1, 1, 1, 148}), "malformed-ip"},
        {"V4OptionLength1", in, options({148, 1, 0, 0}), "malformed-ip"},
        {"V4OptionBeyondHeader", in, options({148, 5, 0, 0}), "malformed-ip"},
        {"V4OptionsDoNotShiftPorts", in,
         with(sip(Tcp{.destination = 5063}),
              [](Packet &p) {
                  p.options = {148, 4, 19, 197};
              }),
         "no-service"},
        {"V4ReservedFlag", in, with(sip(), [](Packet &p) { p.ipv4_flags = 0x8000; }), "row sip-in"},
        {"V4DontFragment", in, with(sip(), [](Packet &p) { p.ipv4_flags = 0x4000; }), "row sip-in"},
        {"V4TtlZero", in, with(sip(), [](Packet &p) { p.hop_limit = 0; }), "row sip-in"},
    };
}

std::vector<Case> ipv6_cases() {
    auto chain = [](std::vector<Extension> extensions) {
        return with(sip6(), [&](Packet &p) { p.extensions = extensions; });
    };
    const Extension hop{0}, routing{43}, options{60}, ah{51}, long_options{60, Bytes(126)};
    return {
        {"V6Plain", in, chain({}), "row sip-in"},
        {"V6HopByHop", in, chain({hop}), "row sip-in"},
        {"V6DestinationOptions", in, chain({options}), "row sip-in"},
        {"V6HopByHopThenOptions", in, chain({hop, options}), "row sip-in"},
        {"V6HopByHopSecond", in, chain({options, hop}), "extension-headers"},
        {"V6Routing", in, chain({routing}), "extension-headers"},
        {"V6RoutingLast", in, chain({hop, options, routing}), "extension-headers"},
        {"V6EightHeaders", in, chain(std::vector<Extension>(8, options)), "row sip-in"},
        {"V6NineHeaders", in, chain(std::vector<Extension>(9, options)), "extension-headers"},
        {"V6Bytes256", in, chain({long_options, long_options}), "row sip-in"},
        {"V6Bytes264", in, chain({long_options, long_options, options}), "extension-headers"},
        {"V6HeaderBeyondEnd", in, chain({{60, Bytes(6), 9}}), "extension-headers"},
        {"V6NoNextHeader", in, with(sip6(), [](Packet &p) { p.protocol = 59; }),
         "extension-headers"},
        {"V6NoNextHeaderLate", in,
         with(sip6(), [](Packet &p) { p.extensions = {{60}}, p.protocol = 59; }),
         "extension-headers"},
        {"V6Authentication", in, chain({ah}), "unsupported-protocol"},
        {"V6Esp", in, frame(sip6(Raw{50})), "unsupported-protocol"},
        {"V6Mobility", in, frame(sip6(Raw{135})), "unsupported-protocol"},
        {"V6PortsBehindHeaders", in,
         with(sip6(Tcp{.destination = 5063}), [](Packet &p) { p.extensions = {{0}}; }),
         "no-service"},
        {"V6PayloadZero", in, with(sip6(), [](Packet &p) { p.length = 0; }), "malformed-ip"},
        {"V6PayloadBeyondFrame", in, with(sip6(), [](Packet &p) { p.length = 21; }),
         "malformed-ip"},
        {"V6PayloadCutsTcp", in, with(sip6(), [](Packet &p) { p.length = 19; }), "malformed-l4"},
        {"V6Trailer", in, with(sip6(), [](Packet &p) { p.trailer = Bytes(4); }), "row sip-in"},
        {"V6Version4", in, with(sip6(), [](Packet &p) { p.version = 4; }), "malformed-ip"},
        {"V6MappedSource", in, frame(from("198.51.100.7", "2001:db8:10::10")), "malformed-ip"},
        {"V6MappedDestination", in, frame(from("2001:db8:20::7", "203.0.113.10")), "malformed-ip"},
        {"V6AtomicFragment", in, with(sip6(), [](Packet &p) { p.fragment = Fragment{}; }),
         "row sip-in"},
        {"V6OptionsBehindFragmentHeader", in,
         with(sip6(), [](Packet &p) { p.fragment = Fragment{}, p.late_extensions = {{60}}; }),
         "row sip-in"},
        {"V6TwoFragmentHeaders", in,
         with(sip6(), [](Packet &p) { p.fragment = Fragment{}, p.extensions = {{44}}; }),
         "extension-headers"},
    };
}

std::vector<Case> transport_cases() {
    auto flags = [](int value) {
        return frame(sip(Tcp{.flags = static_cast<std::uint8_t>(value)}));
    };
    auto words = [](int value, Bytes options = {}) {
        return frame(
            sip(Tcp{.options = options, .header_words = static_cast<std::uint8_t>(value)}));
    };
    auto udp = [](int length) {
        return frame(from("198.51.100.7", "203.0.113.11",
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
        {"GreOut", out, frame(from("203.0.113.10", "198.51.100.7", Raw{47})), "no-row"},
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
    // RFC 9293: the segments that exist; everything else is a scanner's.
    for (int value = 0; value < 256; value++) {
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
        Packet packet = from(
            source, "2001:db8:10::10",
            Icmp{.type = static_cast<std::uint8_t>(type), .code = static_cast<std::uint8_t>(code)});
        packet.hop_limit = static_cast<std::uint8_t>(hop_limit);
        return frame(packet);
    };
    auto igmp = [](int ttl, Bytes body = Bytes(8)) {
        Packet packet = from("198.51.100.7", "224.0.0.1", Raw{2, body});
        packet.hop_limit = static_cast<std::uint8_t>(ttl);
        packet.options = {148, 4, 0, 0};
        return frame(packet);
    };
    std::vector<Case> cases = {
        {"Ping", in, v4(8), "row ping-in"},
        {"PingV6", in, frame(sip6(Icmp{.type = 128})), "row ping-in"},
        {"PingOfAStranger", in, frame(from("192.0.2.1", "203.0.113.10", Icmp{})), "no-row"},
        {"PingToAnotherRole", in, frame(from("198.51.100.7", "203.0.113.11", Icmp{})), "no-row"},
        {"PingOut", out, frame(from("203.0.113.10", "192.0.2.1", Icmp{})), "row ping-out"},
        {"EchoReplyToNothing", in, v4(0), "not-first-packet"},
        {"EchoReplyOutToNothing", out, frame(from("203.0.113.10", "192.0.2.1", Icmp{.type = 0})),
         "no-row"},
        {"ErrorAboutNothing", in,
         frame(icmp_error(address("192.0.2.1"), address("203.0.113.10"),
                          datagram(from("203.0.113.10", "198.51.100.7")))),
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
         with(from("fe80::1", "2001:db8:10::10", Icmp{.type = 135}),
              [](Packet &p) { p.hop_limit = 255, p.fragment = Fragment{.more = true}; }),
         "malformed-essential"},
        {"Igmp", in, igmp(1), "essential-multicast"},
        {"IgmpTtl2", in, igmp(2), "malformed-essential"},
        {"IgmpShort", in, igmp(1, Bytes(7)), "malformed-essential"},
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

std::vector<Case> address_cases() {
    auto came = [](const char *source) { return frame(from(source, "203.0.113.10")); };
    auto came6 = [](const char *source) { return frame(from(source, "2001:db8:10::10")); };
    auto left = [](const char *destination) {
        return frame(from("203.0.113.10", destination, Icmp{}));
    };
    std::vector<Case> cases = {
        {"OwnAddress", in, came("203.0.113.11"), "own-address-spoofed"},
        {"OwnAddressOfAnotherInterface", in, came("10.9.0.10"), "own-address-spoofed"},
        {"Land", in, came("203.0.113.10"), "own-address-spoofed"},
        {"LandOfNobody", in, frame(from("192.0.2.9", "192.0.2.9")), "own-address-spoofed"},
        {"OwnAddressV6", in, came6("2001:db8:10::11"), "own-address-spoofed"},
        {"MartianDestinationIn", in, frame(from("198.51.100.7", "127.0.0.1")),
         "bad-destination-address"},
        {"SourceLowestClassD", in, came("224.0.0.0"), "bad-source-address"},
        {"SourceBelowClassD", in, came("223.255.255.255"), "row sip-any-in"},
        {"SourceLoopbackV6", in, came6("::1"), "bad-source-address"},
        {"SourceAboveCompatible", in, came6("::1:0:0"), "row sip-any-in"},
        {"SourceCompatible", in, came6("::198.51.100.7"), "bad-source-address"},
        {"SourceMulticastV6", in, came6("ff02::1"), "bad-source-address"},
        {"SourceUnspecifiedV6", in, came6("::"), "bad-source-address"},
        {"SpoofedOut", out, frame(from("203.0.113.99", "198.51.100.7")), "no-role"},
        {"OtherInterfacesAddressOut", out, frame(from("10.9.0.10", "198.51.100.7")), "no-role"},
        {"OutToOwnAddress", out, left("203.0.113.11"), "row ping-out"},
        {"OutToBroadcast", out, left("255.255.255.255"), "no-row"},
        {"OutToMulticast", out, left("224.0.0.251"), "no-row"},
        {"OutToLoopback", out, left("127.0.0.1"), "bad-destination-address"},
        {"OutToClassE", out, left("240.0.0.1"), "bad-destination-address"},
    };
    for (const char *source :
         {"0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "239.255.255.255",
          "240.0.0.0", "255.255.255.254", "255.255.255.255"}) {
        std::string name = std::string("Source") + source;
        std::erase(name, '.');
        cases.push_back({name, in, came(source), "bad-source-address"});
    }
    return cases;
}

std::vector<Case> policy_cases() {
    auto tcp = [](const char *source, const char *destination, int port, int source_port = 40000) {
        return frame(from(source, destination,
                          Tcp{.source = static_cast<std::uint16_t>(source_port),
                              .destination = static_cast<std::uint16_t>(port)}));
    };
    auto udp = [](const char *source, const char *destination, int port, int source_port = 40000) {
        return frame(from(source, destination,
                          Udp{.source = static_cast<std::uint16_t>(source_port),
                              .destination = static_cast<std::uint16_t>(port)}));
    };
    const char *access = "203.0.113.10", *av = "203.0.113.11";
    return {
        {"FirstRowWins", in, tcp("198.51.100.7", access, 5061), "row sip-in"},
        {"LaterRowForOthers", in, tcp("192.0.2.7", access, 5061), "row sip-any-in"},
        {"Excepted", in, tcp("10.1.2.3", access, 5061), "no-row"},
        {"BelowExcepted", in, tcp("9.255.255.255", access, 5061), "row sip-any-in"},
        {"AboveExcepted", in, tcp("11.0.0.0", access, 5061), "row sip-any-in"},
        {"ExceptedV6", in, frame(from("fd00::1", "2001:db8:10::10")), "no-row"},
        {"SetBelow", in, tcp("198.51.99.255", access, 5061), "row sip-any-in"},
        {"SetFirst", in, tcp("198.51.100.0", access, 5061), "row sip-in"},
        {"SetLast", in, tcp("198.51.100.255", access, 5061), "row sip-in"},
        {"SetAbove", in, tcp("198.51.101.0", access, 5061), "row sip-any-in"},
        {"SetV6First", in, frame(from("2001:db8:20::", "2001:db8:10::10")), "row sip-in"},
        {"SetV6Last", in, frame(from("2001:db8:20:ffff:ffff:ffff:ffff:ffff", "2001:db8:10::10")),
         "row sip-in"},
        {"SetV6Above", in, frame(from("2001:db8:21::", "2001:db8:10::10")), "row sip-any-in"},
        {"BlockedIn", in, tcp("198.51.100.66", access, 5061), "blocked"},
        {"BesideBlocked", in, tcp("198.51.100.67", access, 5061), "row sip-in"},
        {"BlockedV6", in, frame(from("2001:db8:20:6::1", "2001:db8:10::10")), "blocked"},
        {"BlockedOut", out, tcp(access, "198.51.100.66", 5061), "blocked"},
        {"BlockedWithoutService", in, tcp("198.51.100.66", access, 5063), "no-service"},
        {"BlockedWithoutRole", in, tcp("198.51.100.66", "203.0.113.12", 5061), "blocked"},
        {"FailsafeOverBlock", in, tcp("192.0.2.200", access, 22), "row ssh-admins"},
        {"BlockedButForFailsafe", in, tcp("192.0.2.200", access, 5061), "blocked"},
        {"OtherRole", in, tcp("198.51.100.7", av, 5061), "no-row"},
        {"NoRole", in, tcp("198.51.100.7", "203.0.113.12", 5061), "no-role"},
        {"RoleOfAnotherInterface", in, tcp("198.51.100.7", "10.9.0.10", 4443), "no-role"},
        {"RowOfAnotherInterface", in, tcp("198.51.100.7", access, 4443), "no-row"},
        {"SwitchedOffRow", in, tcp("198.51.100.7", access, 8443), "no-service"},
        {"RangeBelow", in, udp("192.0.2.1", av, 49999), "no-service"},
        {"RangeFirst", in, udp("192.0.2.1", av, 50000), "row media-in"},
        {"RangeLast", in, udp("192.0.2.1", av, 59999), "row media-in"},
        {"RangeAbove", in, udp("192.0.2.1", av, 60000), "no-service"},
        {"SourceRangeBelow", out, tcp(av, "192.0.2.1", 9, 49999), "no-service"},
        {"SourceRangeFirst", out, tcp(av, "192.0.2.1", 9, 50000), "row relay-out"},
        {"SourceRangeLast", out, tcp(av, "192.0.2.1", 65535, 59999), "row relay-out"},
        {"SourceRangeAbove", out, tcp(av, "192.0.2.1", 9, 60000), "no-service"},
        {"SourceRangeOtherRole", out, tcp(access, "192.0.2.1", 9, 50000), "no-row"},
        {"SourcePort53ToAClosedPort", in, udp("192.0.2.1", access, 40000, 53), "not-first-packet"},
        {"SourcePort5061ToAClosedPort", in, tcp("198.51.100.7", access, 40000, 5061), "no-service"},
        {"DirectionSwapped", out, udp(av, "192.0.2.1", 3478), "no-service"},
        {"MulticastRow", in, udp("198.51.100.7", "224.0.0.251", 5353, 5353), "row mdns-in"},
        {"OtherMulticast", in, udp("198.51.100.7", "224.0.0.250", 5353, 5353), "no-role"},
        {"MulticastOut", out, udp(access, "224.0.0.251", 5353, 5353), "row mdns-out"},
    };
}

class OnePacket : public testing::TestWithParam<Case> {};

TEST_P(OnePacket, Verdict) {
    const Case &it = GetParam();
    ASSERT_TRUE(Kernel::can_run(it.direction, it.bytes));
    Host host(mixed_policy());
    EXPECT_EQ(it.direction == in ? host.in(it.bytes) : host.out(it.bytes), it.verdict);
}

std::string name_of(const testing::TestParamInfo<Case> &info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Ethernet, OnePacket, testing::ValuesIn(ethernet_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Arp, OnePacket, testing::ValuesIn(arp_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Ipv4, OnePacket, testing::ValuesIn(ipv4_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Ipv6, OnePacket, testing::ValuesIn(ipv6_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Transport, OnePacket, testing::ValuesIn(transport_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Icmp, OnePacket, testing::ValuesIn(icmp_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Addresses, OnePacket, testing::ValuesIn(address_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Policy, OnePacket, testing::ValuesIn(policy_cases()), name_of);

}  // namespace
}  // namespace pm::test
