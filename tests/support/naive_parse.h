// SPDX-License-Identifier: Apache-2.0
// The oracle's parser: reads a frame byte by byte in the plainest way. It shares nothing with the
// parser in the kernel but the names of the reasons.
#pragma once

#include <cstdint>
#include <span>

#include "maps/abi.h"
#include "policy/model/address.h"

namespace pm::naive {

using Frame = std::span<const std::uint8_t>;

struct Headers {
    enum class Kind { arp, slow, ip, other };

    pm_reason fault = PM_UNDECIDED;  // what is wrong; the fields below may then be unset
    Kind kind = Kind::other;
    bool group_frame = false;  // sent to a multicast or broadcast MAC address
    std::size_t network = 0;   // offset of what follows the Ethernet header and tags
    // The bytes that are counted: those of the datagram; if its length is not known, what follows
    // the Ethernet header; if even that header is wrong, the whole frame.
    std::uint64_t bytes = 0;

    bool v4 = false;
    Address source, destination;
    std::uint8_t hop_limit = 0;
    std::uint8_t protocol = 0;
    std::size_t transport = 0;  // offset
    std::size_t end = 0;        // of the datagram

    bool fragment_header = false;  // IPv6: there is one, be it of a datagram that is whole
    bool fragment = false;         // a part of a datagram, and not all of it
    std::uint32_t offset = 0;      // bytes
    bool more = false;
    std::uint32_t fragment_id = 0;
    std::uint8_t fragment_protocol = 0;  // as the fragment header names it

    std::uint16_t source_port = 0;  // echo: the identifier in both
    std::uint16_t destination_port = 0;
    std::size_t payload = 0;         // tcp, udp: offset
    std::size_t payload_here = 0;    // bytes of it in this frame
    std::size_t payload_length = 0;  // as the header says
    std::uint8_t tcp_flags = 0;
    std::uint32_t sequence = 0, acknowledged = 0;  // of tcp
    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;

    bool is_later_fragment() const { return offset > 0; }
    bool is_tcp() const { return protocol == 6; }
    bool is_udp() const { return protocol == 17; }
    bool is_icmp() const { return protocol == (v4 ? 1 : 58); }  // of its own family
    bool is_echo_request() const { return is_icmp() && icmp_type == (v4 ? 8 : 128); }
    bool is_echo_reply() const { return is_icmp() && icmp_type == (v4 ? 0 : 129); }
    bool is_icmp_error() const;
    bool is_first_syn() const { return is_tcp() && !offset && (tcp_flags & 0x12) == 0x02; }
};

// What this host sends may be in any frame.
Headers parse(Frame frame, bool outbound);

// The packet that an ICMP error quotes: addresses, protocol, and ports if it has them. With a fault
// in it, its flow cannot be found.
Headers parse_quoted(Frame frame, const Headers &error);

bool is_martian(const Address &address);
bool is_multicast(const Address &address);  // and the limited broadcast
bool is_link_local(const Address &address);

}  // namespace pm::naive
