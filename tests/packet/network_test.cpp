// SPDX-License-Identifier: Apache-2.0
// One packet, one verdict: Ethernet, VLAN tags, ARP, IPv4, IPv6 and its extension headers.
#include "tests/packet/cases.h"

namespace pm::test {
namespace {

constexpr auto in = Direction::in, out = Direction::out;

std::vector<Case> ethernet_cases() {
    using Tags = std::vector<Tag>;
    auto tagged = [](Tags tags) { return with(sip(), [&](Packet &p) { p.tags = tags; }); };
    auto to_mac = [](Packet packet, Mac mac) {
        return with(packet, [&](Packet &p) { p.destination_mac = mac; });
    };
    const Bytes body = datagram(sip());
    Bytes slow_body(110);  // a LACPDU
    slow_body[0] = slow_body[1] = 1;
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
         to_mac(
             make_packet("198.51.100.7", "224.0.0.251", Udp{.source = 5353, .destination = 5353}),
             multicast_mac),
         "row mdns-in"},
        {"UnicastInMulticastFrameOut", out,
         to_mac(make_packet("203.0.113.10", "198.51.100.7"), multicast_mac), "row sip-out"},
        {"Llc", in, frame(0x0026, Bytes(38, 0xaa)), "unsupported-ethertype"},
        {"Mpls", in, frame(0x8847, body), "unsupported-ethertype"},
        {"Pppoe", in, frame(0x8864, body), "unsupported-ethertype"},
        {"Lldp", in, frame(0x88cc, Bytes(40)), "unsupported-ethertype"},
        {"Lacp", in, frame(0x8809, {1, 1}, slow_mac), "essential-lacp"},
        {"LacpOut", out, frame(0x8809, slow_body, slow_mac), "essential-lacp"},
        {"Marker", in, frame(0x8809, {2, 1}, slow_mac), "essential-lacp"},
        {"SlowOam", in, frame(0x8809, {3, 1}, slow_mac), "unsupported-ethertype"},
        {"SlowSubtype0", in, frame(0x8809, {0, 1}, slow_mac), "unsupported-ethertype"},
        {"SlowEmpty", in, frame(0x8809, {}, slow_mac), "unsupported-ethertype"},
        {"LacpToAHost", in, frame(0x8809, {1, 1}), "unsupported-ethertype"},
        {"LacpToAnotherGroup", in, frame(0x8809, {1, 1}, multicast_mac), "unsupported-ethertype"},
        {"LacpToAllOut", out, frame(0x8809, slow_body, broadcast_mac), "unsupported-ethertype"},
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
        {"V6MappedSource", in, frame(make_packet("198.51.100.7", "2001:db8:10::10")),
         "malformed-ip"},
        {"V6MappedDestination", in, frame(make_packet("2001:db8:20::7", "203.0.113.10")),
         "malformed-ip"},
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

class Network : public OnePacket {};

TEST_P(Network, Verdict) {
    expect_verdict();
}

INSTANTIATE_TEST_SUITE_P(Ethernet, Network, testing::ValuesIn(ethernet_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Arp, Network, testing::ValuesIn(arp_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Ipv4, Network, testing::ValuesIn(ipv4_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Ipv6, Network, testing::ValuesIn(ipv6_cases()), name_of);

}  // namespace
}  // namespace pm::test
