// SPDX-License-Identifier: Apache-2.0
// Composes frames from parts with working defaults. What is set is written as it is, right or
// wrong; what is left out is computed. So a test can break one field at a time. Numbers are in host
// byte order, lengths in bytes unless said otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "policy/model/address.h"
#include "tests/support/addresses.h"

namespace pm::test {

using Bytes = std::vector<std::uint8_t>;
void put16(Bytes &to, unsigned value);  // in network byte order
using Mac = std::array<std::uint8_t, 6>;

inline constexpr Mac host_mac{0x02, 0, 0, 0, 0, 0x01};
inline constexpr Mac peer_mac{0x02, 0, 0, 0, 0, 0x02};
inline constexpr Mac broadcast_mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
inline constexpr Mac multicast_mac{0x33, 0x33, 0, 0, 0, 0x01};
inline constexpr Mac slow_mac{0x01, 0x80, 0xc2, 0, 0, 0x02};

inline constexpr int FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128;

struct Tag {
    std::uint16_t protocol = 0x8100;
    std::uint16_t id = 100;
};

struct Tcp {
    std::uint16_t source = 40000;
    std::uint16_t destination = 5061;
    std::uint8_t flags = SYN;
    Bytes options{};
    Bytes payload{};
    std::optional<std::uint8_t> header_words{};  // data offset, in 32-bit words
    std::uint32_t sequence = 1;
    std::uint32_t acknowledged = 1;  // if ACK is among the flags
};

struct Udp {
    std::uint16_t source = 40000;
    std::uint16_t destination = 3478;
    Bytes payload = Bytes(8, 0x55);
    std::optional<std::uint16_t> length{};
};

// ICMP and ICMPv6; the protocol follows the family of the addresses.
struct Icmp {
    std::uint8_t type = 8;
    std::uint8_t code = 0;
    std::uint16_t id = 77;
    std::uint16_t sequence = 1;
    Bytes body = Bytes(16, 0x66);
};

struct Raw {
    std::uint8_t protocol = 47;
    Bytes bytes = Bytes(24, 0);
};

using Transport = std::variant<Tcp, Udp, Icmp, Raw>;

// A part of a datagram: `length` bytes of the transport's from `offset` on.
struct Fragment {
    std::uint16_t offset = 0;  // bytes, a multiple of 8
    bool more = false;
    std::uint32_t id = 0x1234;
    std::size_t length = 65535;  // or what there is
};

// An IPv6 extension header of 8 bytes or, with more body, as long as it needs to be.
struct Extension {
    std::uint8_t type = 60;
    Bytes body = Bytes(6, 0);
    std::optional<std::uint8_t> length{};  // as in the header: 8-byte units less one
};

struct Packet {
    Address from{};
    Address to{};
    Transport transport = Tcp{};
    std::vector<Tag> tags{};
    std::optional<Fragment> fragment{};
    std::vector<Extension> extensions{};       // IPv6, before the fragment header
    std::vector<Extension> late_extensions{};  // IPv6, in the fragmented part
    Bytes options{};                           // IPv4; padded to a multiple of 4
    std::uint8_t hop_limit = 64;
    Bytes trailer{};  // after the end of the datagram

    Mac destination_mac = host_mac;
    Mac source_mac = peer_mac;
    std::optional<std::uint16_t> ethertype{};
    std::optional<std::uint8_t> version{};
    std::optional<std::uint8_t> header_words{};  // IPv4
    std::optional<std::uint16_t> length{};       // IPv4: total, IPv6: payload
    std::optional<std::uint8_t> protocol{};      // of the last header before the transport
    std::uint16_t ipv4_flags = 0;                // or-ed to the fragment field: 0x4000 is DF
};

Bytes frame(const Packet &packet);
Bytes datagram(const Packet &packet);  // without the Ethernet header: what an ICMP error quotes

struct Arp {
    std::uint16_t hardware = 1;
    std::uint16_t protocol = 0x0800;
    std::uint8_t hardware_length = 6;
    std::uint8_t protocol_length = 4;
    std::uint16_t operation = 1;
    std::size_t length = 28;  // of the body
    std::uint16_t ethertype = 0x0806;
    std::vector<Tag> tags{};
};
Bytes frame(const Arp &arp);

// A frame of any ethertype (or LLC length).
Bytes frame(std::uint16_t ethertype, const Bytes &body, const Mac &destination = host_mac,
            const Mac &source = peer_mac, const std::vector<Tag> &tags = {});

// An ICMP error of the right family that quotes the datagram, cut after `limit` bytes.
Packet icmp_error(const Address &from, const Address &to, const Bytes &quoted,
                  std::size_t limit = 576, std::optional<std::uint8_t> type = {});

}  // namespace pm::test
