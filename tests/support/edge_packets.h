// SPDX-License-Identifier: Apache-2.0
// Packets between the addresses of mixed_policy(), with working defaults.
#pragma once

#include "tests/support/packet.h"

namespace pm::test {

// Two roles, a member of `partners`, and an address that no set of peers names.
inline constexpr const char *access4 = "203.0.113.10", *av4 = "203.0.113.11",
                            *partner = "198.51.100.7", *stranger = "192.0.2.7";
inline constexpr const char *access6 = "2001:db8:10::10", *av6 = "2001:db8:10::11",
                            *partner6 = "2001:db8:20::7";

Packet make_packet(const char *source, const char *destination, Transport transport = Tcp{});
Packet tcp(const char *source, int source_port, const char *destination, int port, int flags,
           Bytes payload = {});
Packet udp(const char *source, int source_port, const char *destination, int port,
           Bytes payload = Bytes(8, 0x55));
// ICMP or ICMPv6, by the family of the addresses.
Packet icmp(const char *source, const char *destination, int type, int id = 77);
Packet echo_request(const char *source, const char *destination, int id = 77);
Packet echo_reply(const char *source, const char *destination, int id = 77);

// From the partner to `access`. With the default transport row sip-in permits it.
Packet sip(Transport transport = Tcp{});
Packet sip6(Transport transport = Tcp{});

// The datagram of row stun-in, and its IPv6 twin.
Packet stun_in(Bytes payload = Bytes(8, 0x55));
Packet stun_in6();

// Bytes of a UDP datagram that look like the header of row stun-in at this offset, for a fragment
// that begins there.
Raw stun_header_at(std::size_t offset);

}  // namespace pm::test
