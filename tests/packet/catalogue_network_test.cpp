// SPDX-License-Identifier: Apache-2.0
// The catalogue's rows about fragments, IP headers, frames and addresses.
#include <algorithm>

#include "tests/packet/catalogue.h"

namespace pm::test {
namespace {

// The bytes of `packet` from its IP header on, cut after `size`.
Bytes cut(const Packet &packet, std::size_t size) {
    Bytes bytes = frame(packet);
    bytes.resize(size);
    return bytes;
}

TEST_F(Catalogue, Row001LaterFragmentThatLooksPermitted) {
    Packet later = part(stun_in(), 24, false);
    later.transport = stun_header_at(24);
    passed("essential-fragment", later);  // as one of any datagram between the two
    EXPECT_EQ(flows(), 0U);
    later.from = address("10.1.1.1");
    later.to = address("203.0.113.12");
    dropped("fragment-unknown", later);
}

TEST_F(Catalogue, Row002FirstFragmentIsJudgedAndFollowed) {
    Packet large = stun_in(), closed = stun_in();
    std::get<Udp>(large.transport).payload = Bytes(56, 1);
    passed("row stun-in", part(large, 0, true, 32));
    passed("row stun-in", part(large, 32, false));
    EXPECT_EQ(flows(), 1U);
    std::get<Udp>(closed.transport).destination = 3479;
    dropped("no-service", part(closed, 0, true, 16));
}

TEST_F(Catalogue, Row003TinyFirstFragment) {
    dropped("malformed-l4", part(sip(), 0, true, 16));
    dropped("malformed-l4", part(sip6(), 0, true, 16));
}

TEST_F(Catalogue, Row004SecondFragmentThatRewritesTcpFlags) {
    Packet syn = sip(Tcp{.payload = Bytes(64, 1)});
    passed("row sip-in", part(syn, 0, true, 32));
    dropped("malformed-ip", part(syn, 8, false));
}

TEST_F(Catalogue, Row005DatagramBeyondItsLargestSize) {
    Packet over = part(stun_in(), 65528, false);
    over.transport = Raw{17, Bytes(65600, 1)};
    dropped("malformed-ip", over);
    passed("row stun-in", part(stun_in(), 0, true, 8));
    passed("row stun-in", part(stun_in(), 8, false));
    passed("row stun-in", part(stun_in(), 8, false));  // again: one flow, nothing more
    EXPECT_EQ(flows(), 1U);
}

TEST_F(Catalogue, Row006OwnLargeDatagramLeavesInParts) {
    for (const auto &[local, remote] : {std::pair{access4, stranger}, {access6, partner6}}) {
        Packet query = udp(local, 40000, remote, 53, Bytes(600, 1));
        dropped("fragment-unknown", part(query, 304, false), out);
        passed("row dns-out", part(query, 0, true, 304), out);
        passed("row dns-out", part(query, 304, false), out);
    }
}

TEST_F(Catalogue, Row007FlagsOfTheIpv4Header) {
    for (const std::uint16_t flags : numbers({0x4000, 0x8000, 0xc000})) {
        Packet packet = sip();
        packet.ipv4_flags = flags;
        passed("row sip-in", packet);
    }
    Packet first = part(stun_in(), 0, true, 16);
    first.ipv4_flags = 0x4000;  // "do not fragment", and a fragment
    passed("row stun-in", first);
}

TEST_F(Catalogue, Row008WrongVersionOrShortHeader) {
    for (const std::uint8_t words : up_to(5))
        dropped("malformed-ip", with(sip(), [&](Packet &p) { p.header_words = words; }));
    for (const std::uint8_t version : up_to(16)) {
        auto change = [&](Packet &p) { p.version = version; };
        if (version != 4) dropped("malformed-ip", with(sip(), change));
        if (version != 6) dropped("malformed-ip", with(sip6(), change));
    }
}

TEST_F(Catalogue, Row009PortsLieBehindTheOptions) {
    auto options = [](int port) {
        return with(sip(Tcp{.destination = static_cast<std::uint16_t>(port)}), [](Packet &p) {
            p.options = {148, 4, 0x13, 0xc5};
        });  // 5061, as if ports
    };
    passed("row sip-in", options(5061));
    dropped("no-service", options(5063));
}

TEST_F(Catalogue, Row010SourceRoutes) {
    for (const std::uint8_t kind : octets({131, 137}))
        dropped("malformed-ip",
                with(sip(), [&](Packet &p) { p.options = {kind, 7, 4, 1, 2, 3, 4}; }));
    passed("row sip-in", with(sip(), [](Packet &p) { p.options = {148, 4, 0, 0}; }));
}

TEST_F(Catalogue, Row011LengthsThatContradictEachOther) {
    dropped("malformed-ip", with(sip(), [](Packet &p) { p.header_words = 15; }));
    dropped("malformed-ip", with(sip(), [](Packet &p) { p.length = 41; }));
    dropped("malformed-l4", with(sip(), [](Packet &p) { p.length = 39; }));
}

TEST_F(Catalogue, Row012BytesBehindTheDatagram) {
    passed("row sip-in", with(sip(), [](Packet &p) { p.trailer = Bytes(6, 0xee); }));
    passed("row sip-in", with(sip6(), [](Packet &p) { p.trailer = Bytes(1400, 0xee); }));
}

// The programs do not check the sum; the stack drops such a packet. It can open an entry, but an
// outsider could open the same one with a right packet.
TEST_F(Catalogue, Row013WrongIpChecksumChangesNoVerdict) {
    Bytes bytes = frame(sip());
    bytes[24] ^= 0xff;
    passed("row sip-in", bytes);
    bytes = frame(sip(Tcp{.destination = 25}));
    bytes[24] ^= 0xff;
    dropped("no-service", bytes);
}

TEST_F(Catalogue, Row014WrongTransportChecksumClosesNothingForGood) {
    const Packet syn = sip(), ack = tcp(partner, 40000, access4, 5061, ACK);
    passed("row sip-in", syn);
    for (int flags : {RST, FIN | ACK}) {
        Bytes bytes = frame(tcp(partner, 40000, access4, 5061, flags));
        bytes[14 + 20 + 16] ^= 0xff;
        passed("row sip-in", bytes);
        passed("row sip-in", ack);
        EXPECT_EQ(flows(), 1U);
    }
}

TEST_F(Catalogue, Row015ExtensionHeadersThenTcp) {
    auto behind = [](int port) {
        return with(sip6(Tcp{.destination = static_cast<std::uint16_t>(port)}), [](Packet &p) {
            p.extensions = {{0}, {60}, {60}};
        });
    };
    passed("row sip-in", behind(5061));
    dropped("no-service", behind(5063));
}

TEST_F(Catalogue, Row016ChainThatIsTooLongOrEndsPastThePacket) {
    auto chain = [](std::vector<Extension> all) {
        return with(sip6(), [&](Packet &p) { p.extensions = all; });
    };
    passed("row sip-in", chain(std::vector<Extension>(8, {60})));
    dropped("extension-headers", chain(std::vector<Extension>(9, {60})));
    dropped("extension-headers", chain({{60, Bytes(254)}, {60, Bytes(6)}}));
    dropped("extension-headers", chain({{60, Bytes(6), 9}}));
}

TEST_F(Catalogue, Row017ChainOutOfOrder) {
    dropped("extension-headers", with(sip6(), [](Packet &p) { p.extensions = {{60}, {0}}; }));
    dropped("extension-headers",
            with(part(sip6(), 0, false), [](Packet &p) { p.extensions = {{44}}; }));
    dropped("extension-headers", with(sip6(), [](Packet &p) { p.protocol = 59; }));
    dropped("unsupported-protocol", with(sip6(), [](Packet &p) { p.protocol = 253; }));
}

TEST_F(Catalogue, Row018RoutingHeaders) {
    for (const std::uint8_t type : octets({0, 2, 3, 4}))
        dropped("extension-headers", with(sip6(), [&](Packet &p) {
                    p.extensions = {{43, {type, 1, 0, 0, 0, 0}}};
                }));
}

TEST_F(Catalogue, Row019AuthenticationHeaderIsNoWayToThePorts) {
    dropped("unsupported-protocol", with(sip6(), [](Packet &p) { p.extensions = {{51}}; }));
    dropped("unsupported-protocol", sip(Raw{51}));
}

TEST_F(Catalogue, Row020EspIsAProtocol) {
    dropped("unsupported-protocol", sip(Raw{50}));
    dropped("unsupported-protocol", sip6(Raw{50}));
}

TEST_F(Catalogue, Row021FragmentWithoutItsFirstOrItsHeaders) {
    passed("essential-fragment", part(stun_in6(), 16, false));
    dropped("malformed-l4", part(sip6(), 0, true, 16));
    dropped("extension-headers", with(part(sip6(), 0, true, 8), [](Packet &p) {
                p.late_extensions = {{60, Bytes(14)}};
            }));
}

TEST_F(Catalogue, Row022AtomicFragmentIsNone) {
    passed("row stun-in", part(stun_in6(), 0, false));
    passed("essential-fragment", part(stun_in6(), 8, false));  // nothing was remembered
}

// The stack reassembles and refuses overlaps, so no overlap can change the bytes that were judged.
TEST_F(Catalogue, Row023OverlapRewritesNoPorts) {
    Packet tcp6 = sip6(Tcp{.payload = Bytes(64, 1)});
    passed("row sip-in", part(tcp6, 0, true, 32));
    dropped("malformed-ip", part(tcp6, 8, false));
    Packet other = sip6(Tcp{.destination = 5063, .payload = Bytes(64, 1)});
    dropped("no-service", part(other, 0, true, 32));  // another first one is judged by itself
}

TEST_F(Catalogue, Row024PayloadLengthOfIpv6) {
    dropped("malformed-ip", with(sip6(), [](Packet &p) { p.length = 0; }));
    dropped("malformed-ip", with(sip6(), [](Packet &p) { p.length = 21; }));
    dropped("malformed-l4", with(sip6(), [](Packet &p) { p.length = 19; }));
}

TEST_F(Catalogue, Row025Discovery) {
    auto message = [](int type, std::size_t body, const char *source = "fe80::1") {
        Packet packet = make_packet(
            source, access6, Icmp{.type = static_cast<std::uint8_t>(type), .body = Bytes(body, 0)});
        packet.hop_limit = 255;
        return packet;
    };
    for (int type : {133, 134, 135, 136}) {
        const std::size_t least = type == 133 ? 0 : type == 134 ? 8 : 16;
        passed("essential-neighbour", message(type, least));
        if (least > 0) dropped("malformed-essential", message(type, least - 1));
        Packet far = message(type, 16), parted = part(message(type, 32), 0, true, 24);
        far.hop_limit = 254;
        dropped("malformed-essential", far);
        dropped("malformed-essential", parted);
        dropped("malformed-essential", part(message(type, 16), 0, false));  // RFC 6980
    }
    passed("essential-neighbour", message(135, 16, "::"));  // duplicate address detection
    EXPECT_EQ(flows(), 0U);
}

TEST_F(Catalogue, Row026Ipv4InIpv6) {
    dropped("malformed-ip", make_packet("198.51.100.7", access6));
    dropped("malformed-ip", make_packet(partner6, "203.0.113.10"));
    dropped("bad-source-address", make_packet("::198.51.100.7", access6));
    dropped("bad-source-address", make_packet("::1", access6));
    dropped("bad-destination-address", make_packet(partner6, "::1"));
}

TEST_F(Catalogue, Row051TagsInTheFrame) {
    auto tagged = [](int port, std::vector<Tag> tags) {
        return with(sip(Tcp{.destination = static_cast<std::uint16_t>(port)}),
                    [&](Packet &p) { p.tags = tags; });
    };
    for (const std::uint16_t type : numbers({0x8100, 0x88a8, 0x9100}))
        for (const std::uint16_t id : numbers({0, 100, 0xffff}))
            for (const auto &tags :
                 {std::vector<Tag>{{type, id}}, std::vector<Tag>{{type, id}, {0x8100, 7}}}) {
                passed("row sip-in", tagged(5061, tags));
                dropped("no-service", tagged(5063, tags));
            }
    dropped("malformed-ethernet", tagged(5061, {{0x88a8, 1}, {0x8100, 2}, {0x8100, 3}}));
}

TEST_F(Catalogue, Row054OtherEthertypesAreNoWayToIp) {
    const Bytes inside = datagram(sip());
    Bytes snap(8 + inside.size());
    std::ranges::copy(octets({0xaa, 0xaa, 3, 0, 0, 0, 8, 0}), snap.begin());
    std::ranges::copy(inside, snap.begin() + 8);
    dropped("unsupported-ethertype", frame(static_cast<std::uint16_t>(snap.size()), snap));
    for (const std::uint16_t type :
         numbers({0x8847, 0x8848, 0x8863, 0x8864, 0x88e5, 0x888e, 0x88cc, 0x88f7, 0x8906, 0x8809,
                  0x6558, 0x0600, 0x05ff, 0x0000}))
        dropped("unsupported-ethertype", frame(type, inside));
}

TEST_F(Catalogue, Row055Arp) {
    passed("essential-arp", frame(Arp{}));
    dropped("malformed-essential", frame(Arp{.length = 27}));
    dropped("malformed-essential", frame(Arp{.hardware_length = 8}));
    dropped("unsupported-ethertype", frame(Arp{.ethertype = 0x8035}));
}

TEST_F(Catalogue, Row056FrameAddresses) {
    dropped("malformed-ethernet", with(sip(), [](Packet &p) { p.source_mac = multicast_mac; }));
    dropped("malformed-ethernet",
            with(sip(), [](Packet &p) { p.destination_mac = broadcast_mac; }));
    dropped("malformed-ethernet",
            with(sip6(), [](Packet &p) { p.destination_mac = multicast_mac; }));
    // A frame for another host (promiscuous mode) is judged like any other; the stack drops it.
    auto elsewhere = [](int port) {
        Bytes bytes = frame(sip(Tcp{.destination = static_cast<std::uint16_t>(port)}));
        bytes[5] ^= 0x5a;
        return bytes;
    };
    passed("row sip-in", elsewhere(5061));
    dropped("no-service", elsewhere(5063));
}

TEST_F(Catalogue, Row057EveryTruncation) {
    Packet full6 = sip6();
    full6.extensions = {{0}, {60}};
    Packet optional = sip();
    optional.options = {148, 4, 0, 0};
    const Packet error = icmp_error(address("192.0.2.1"), address(access4),
                                    datagram(tcp(access4, 5061, partner, 40000, ACK)));
    for (const Packet &whole :
         {sip(), full6, optional, stun_in(), sip(Icmp{}), error, part(stun_in6(), 0, true, 16)}) {
        const std::size_t size = frame(whole).size();
        for (std::size_t i = 14; i < size; ++i) {
            const Bytes bytes = cut(whole, i);
            const std::string verdict = host.in(bytes);
            EXPECT_TRUE(verdict.starts_with("malformed-") || verdict == "extension-headers")
                << i << " bytes: " << verdict;
        }
    }
    EXPECT_EQ(flows(), 0U);
}

TEST_F(Catalogue, Row058TunnelsAreJudgedByTheirOutside) {
    passed("row gre-in", sip(Raw{47, datagram(sip())}));
    for (const std::uint8_t protocol : octets({4, 41, 50, 94, 97, 115}))
        dropped("unsupported-protocol", sip(Raw{protocol, datagram(sip())}));
    dropped("no-service", sip(Udp{.destination = 4789, .payload = frame(sip())}));
    dropped("no-service", sip(Udp{.destination = 6081, .payload = frame(sip())}));
}

TEST_F(Catalogue, Row059OwnAddressAsSource) {
    dropped("own-address-spoofed", make_packet(access4, access4));
    dropped("own-address-spoofed", make_packet(av4, access4));
    dropped("own-address-spoofed", make_packet("10.9.0.10", access4));  // another interface's
    dropped("own-address-spoofed", make_packet("192.0.2.9", "192.0.2.9"));
}

TEST_F(Catalogue, Row060Loopback) {
    dropped("bad-source-address", make_packet("127.0.0.1", access4));
    dropped("bad-destination-address", make_packet(partner, "127.0.0.1"));
    dropped("bad-source-address", make_packet("::1", access6));
    dropped("bad-destination-address", make_packet("203.0.113.10", "127.0.0.1"), out);
}

TEST_F(Catalogue, Row061SourcesThatAreNobody) {
    for (const char *source :
         {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"})
        dropped("bad-source-address", make_packet(source, access4));
    dropped("bad-source-address", make_packet("ff02::1", access6));
    dropped("bad-source-address", make_packet("::", access6));
}

TEST_F(Catalogue, Row061aGroupsAsDestination) {
    auto grouped = [](Packet packet) {
        packet.destination_mac = multicast_mac;
        return packet;
    };
    passed("row mdns-in", grouped(udp(stranger, 5353, "224.0.0.251", 5353)));
    dropped("no-role", grouped(udp(stranger, 5353, "224.0.0.250", 5353)));
    dropped("no-service", grouped(udp(stranger, 1900, "239.255.255.250", 1900)));
    dropped("no-service", grouped(udp(stranger, 138, "255.255.255.255", 138)));
    Packet report = grouped(make_packet("fe80::1", "ff02::16", Icmp{.type = 143}));
    report.hop_limit = 1;
    passed("essential-multicast", report);
    EXPECT_EQ(flows(), 0U);
}

TEST_F(Catalogue, Row062AddressThatIsNotTheHosts) {
    dropped("no-role", make_packet(partner, "203.0.113.12"));
    dropped("no-role", make_packet(partner, "10.8.0.1"));
}

TEST_F(Catalogue, Row065HeadersNextToALargeBody) {
    passed("row sip-in", sip(Tcp{.payload = Bytes(3000, 1)}));
    dropped("no-service", sip(Tcp{.destination = 25, .payload = Bytes(3000, 1)}));
}

}  // namespace
}  // namespace pm::test
