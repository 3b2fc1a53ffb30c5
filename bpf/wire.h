/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Numbers of the protocols that the programs read, in host byte order, each named once. IP
 * protocols that user space names too are in image.h (PM_PROTO_*).
 */
#ifndef PM_WIRE_H
#define PM_WIRE_H

#include <linux/types.h>

/* Ethernet types (IEEE 802.1Q, 802.1ad, 802.1AX). */
enum ethertype {
	ETH_IPV4 = 0x0800,
	ETH_ARP = 0x0806,
	ETH_8021Q = 0x8100,
	ETH_IPV6 = 0x86dd,
	ETH_SLOW = 0x8809, /* slow protocols: LACP and marker */
	ETH_8021AD = 0x88a8,
	ETH_QINQ = 0x9100, /* before 802.1ad, still in use */
};

#define VLAN_TAG_BYTES 4
#define VLAN_TAGS_MAX 2

/* Subtypes of slow protocols (IEEE 802.1AX). */
enum slow_subtype { SLOW_LACP = 1, SLOW_MARKER = 2 };

/* The group address of slow protocols, 01:80:c2:00:00:02. */
#define SLOW_GROUP_HIGH 0x0180
#define SLOW_GROUP_LOW 0xc2000002

/* ARP for IPv4 over Ethernet (RFC 826): the bytes of its packet, and what stands in them. */
#define ARP_BYTES 28
#define ARP_SENDER 14 /* offset of its IPv4 address */
#define ARP_TARGET 24
#define ARP_HARDWARE_ETHERNET 1
enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

/* Flags and offset in the header of IPv4 (RFC 791, 3.1); the offset counts 8 bytes. */
enum ipv4_fragment {
	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_FRAGMENT_OFFSET = 0x1fff,
	IPV4_FRAGMENTED = IPV4_FRAGMENT_OFFSET | IPV4_MORE_FRAGMENTS,
};

/* Flag and offset in IPv6's fragment header (RFC 8200, 4.5); the offset, in place, is in bytes. */
enum ipv6_fragment {
	IPV6_MORE_FRAGMENTS = 0x0001,
	IPV6_FRAGMENT_OFFSET = 0xfff8,
	IPV6_FRAGMENTED = IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS,
	IPV6_FRAGMENT_BYTES = 8, /* the header */
};

#define IP_BYTES_MAX 65535 /* an IP packet, and all fragments of one */

/* Options of IPv4 (RFC 791, 3.1; source routes: RFC 7126, 4.3 and 4.4). */
#define IPV4_OPTION_BYTES 40 /* of all options at most */
enum ipv4_option {
	IPV4_OPTION_END = 0,
	IPV4_OPTION_NOP = 1, /* one byte, as END; all others have a length */
	IPV4_OPTION_LOOSE_ROUTE = 131,
	IPV4_OPTION_STRICT_ROUTE = 137,
};

/* Extension headers of IPv6 (RFC 8200, 4), as numbers in a next header field. */
enum ipv6_extension {
	IPV6_HOP_BY_HOP = 0,
	IPV6_ROUTING = 43,
	IPV6_FRAGMENT = 44,
	IPV6_NO_NEXT = 59, /* nothing follows */
	IPV6_DESTINATION = 60,
};

/* Of fe80::/10, the link-local addresses (RFC 4291, 2.5.6): the upper 10 bits. */
#define LINK_LOCAL_BITS 10
#define LINK_LOCAL_PREFIX 0x3fa

/* The hop limit of a packet that no router has passed on. */
#define HOP_LIMIT_MAX 255

#define IPV4_ROUTER_ALERT 0x94040000 /* the option with its value 0 (RFC 2113) */
#define IPV4_MULTICAST_PREFIX 0xe /* of 224.0.0.0/4: the upper 4 bits */

/* IGMP (RFC 1112, 2236, 3376). */
enum igmp_type {
	IGMP_QUERY = 0x11,
	IGMP_REPORT_V1 = 0x12,
	IGMP_REPORT_V2 = 0x16,
	IGMP_LEAVE = 0x17,
	IGMP_REPORT_V3 = 0x22,
};

/* To whom it is sent, if not to its group. */
#define IGMP_ALL_HOSTS 0xe0000001 /* 224.0.0.1 */
#define IGMP_ALL_ROUTERS 0xe0000002 /* 224.0.0.2 */
#define IGMP_ALL_REPORT_ROUTERS 0xe0000016 /* 224.0.0.22 */

struct igmp {
	__u8 type;
	__u8 code; /* of a query: how long hosts may wait with their answer */
	__be16 checksum;
	__be32 group; /* not of a report of version 3 */
};

/* Of version 3. The addresses of sources follow. */
struct igmp_query {
	struct igmp head;
	__u8 flags;
	__u8 interval;
	__be16 sources; /* their number */
};

/* Flags in byte 13 of the TCP header (RFC 9293, 3.1). */
#define TCP_FLAGS_BYTE 13
enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
};

/* Ports of DHCP (RFC 2131, 4.1) and DHCPv6 (RFC 8415, 7.2). */
enum dhcp_port {
	DHCP_SERVER_PORT = 67,
	DHCP_CLIENT_PORT = 68,
	DHCPV6_CLIENT_PORT = 546,
	DHCPV6_SERVER_PORT = 547,
};

/* ICMP (RFC 792). */
enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
};

/* ICMPv6: errors and echo (RFC 4443), multicast listeners (RFC 2710; version 2: RFC 3810),
 * neighbours and routers (RFC 4861). */
enum icmpv6_type {
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_TOO_BIG = 2,
	ICMPV6_TIME_EXCEEDED = 3,
	ICMPV6_PARAMETER_PROBLEM = 4,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
	ICMPV6_LISTENER_QUERY = 130,
	ICMPV6_LISTENER_REPORT = 131,
	ICMPV6_LISTENER_DONE = 132,
	ICMPV6_ROUTER_SOLICITATION = 133,
	ICMPV6_ROUTER_ADVERTISEMENT = 134,
	ICMPV6_NEIGHBOUR_SOLICITATION = 135,
	ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMPV6_LISTENER_REPORT_V2 = 143,
};

/* The header of ICMP and of ICMPv6; <linux/icmp.h> needs the C library's headers. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier; /* of echo */
	__be16 sequence;
};

/* TLS (RFC 8446, 5.1 and 4) and DTLS (RFC 6347, 4.1): a record, and the message in it. */
enum tls {
	TLS_HANDSHAKE = 22, /* type of the record, TLS and DTLS */
	TLS_MAJOR = 3, /* first byte of the version: 3.0 is SSL 3, 3.4 TLS 1.3 */
	TLS_MINOR_MAX = 4,
	TLS_CLIENT_HELLO = 1,
	DTLS_MAJOR = 0xfe,
	DTLS_RECORD_BYTES = 13,
};

/* STUN (RFC 8489, 5) and its requests: type and length, cookie, transaction. */
#define STUN_HEADER_BYTES 20
#define STUN_COOKIE 0x2112a442
enum stun_request {
	STUN_BINDING = 0x0001,
	STUN_ALLOCATE = 0x0003, /* TURN: RFC 8656 */
	STUN_CONNECTION_BIND = 0x000b, /* TURN over TCP: RFC 6062 */
	MSTURN_SEND = 0x0004, /* MS-TURN 2.2 */
	MSTURN_SET_ACTIVE = 0x0006,
};

/* MS-TURN: frames of media between relay and client, and its own cookie, an attribute. */
#define MSTURN_FRAME 0xff10
#define MSTURN_FRAME_HEADER_BYTES 4 /* type and length */
#define MSTURN_FRAME_BYTES_MIN 12 /* that and the session's id */
#define MSTURN_COOKIE_ATTRIBUTE 0x000f0004 /* type, and length of the value */
#define MSTURN_COOKIE 0x72c64bc6

/* What a stream of MS-TURN begins with where it is not TLS: a frame's type, then 0, or the
 * pseudo-TLS of Google, a ClientHello as SSL 2 had it (2 bytes). */
enum msturn_stream {
	MSTURN_CONTROL = 2,
	MSTURN_DATA = 3,
	PSEUDO_TLS_FIRST = 0x80,
	PSEUDO_TLS_SECOND = 0x46,
};

/* Who may send on a port of media, by the first byte (RFC 7983, 7). */
enum first_byte {
	FIRST_STUN_MAX = 3,
	FIRST_ZRTP = 16,
	FIRST_DTLS_MAX = 63, /* ZRTP to 19, DTLS from 20 */
	FIRST_RTP = 128, /* and RTCP */
	FIRST_RTP_MAX = 191,
};

#define RTP_BYTES_MIN 8 /* RTCP's shortest packet; RTP has 12 (RFC 3550) */

#endif
