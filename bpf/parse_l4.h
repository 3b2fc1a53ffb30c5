/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The headers of TCP, UDP, ICMP and ICMPv6. Other protocols have no ports; nothing of them is read.
 */
#ifndef PM_PARSE_L4_H
#define PM_PARSE_L4_H

#include "packet.h"

/* Only what occurs in valid segments; PSH, ECE and CWR are not looked at. */
static PM_INLINE int tcp_flags_are_fine(__u8 flags)
{
	__u8 core = flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);

	if ((flags & TCP_URG) && !(flags & TCP_ACK))
		return 0;
	return core == TCP_SYN || core == (TCP_SYN | TCP_ACK) || core == TCP_ACK ||
	       core == (TCP_FIN | TCP_ACK) || core == TCP_RST || core == (TCP_RST | TCP_ACK);
}

static PM_INLINE __u32 parse_tcp(const struct frame *frame, struct packet *packet)
{
	const struct tcphdr *tcp = at(frame, packet->l4, sizeof(*tcp));
	__u32 header;

	if (!tcp || packet->l4_length < sizeof(*tcp))
		return PM_DROP_MALFORMED_L4;
	header = tcp->doff * 4;
	if (header < sizeof(*tcp) || header > packet->l4_length || !tcp->source || !tcp->dest)
		return PM_DROP_MALFORMED_L4;
	set_ports(&packet->query, bpf_ntohs(tcp->source), bpf_ntohs(tcp->dest));
	packet->payload = packet->l4 + header;
	packet->payload_here = packet->l4_length - header;
	packet->payload_length = packet->payload_here;
	packet->tcp_flags = ((const __u8 *)tcp)[TCP_FLAGS_BYTE];
	return tcp_flags_are_fine(packet->tcp_flags) ? PM_UNDECIDED : PM_DROP_BAD_TCP_FLAGS;
}

/* Bytes behind the UDP datagram are ignored. The length of a first fragment may be more than is
 * here. */
static PM_INLINE __u32 parse_udp(const struct frame *frame, struct packet *packet)
{
	const struct udphdr *udp = at(frame, packet->l4, sizeof(*udp));
	__u32 length;

	if (!udp || packet->l4_length < sizeof(*udp))
		return PM_DROP_MALFORMED_L4;
	length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) || !udp->source || !udp->dest ||
	    (length > packet->l4_length && packet->fragment == NOT_FRAGMENT))
		return PM_DROP_MALFORMED_L4;
	packet->payload = packet->l4 + sizeof(*udp);
	packet->payload_length = length - sizeof(*udp);
	packet->payload_here =
		(length < packet->l4_length ? length : packet->l4_length) - sizeof(*udp);
	set_ports(&packet->query, bpf_ntohs(udp->source), bpf_ntohs(udp->dest));
	return PM_UNDECIDED;
}

static PM_INLINE __u32 parse_icmp(const struct frame *frame, struct packet *packet)
{
	const struct icmp_header *icmp = at(frame, packet->l4, sizeof(*icmp));
	int v4 = packet->query.flow.protocol == PM_PROTO_ICMP;

	if (!icmp || packet->l4_length < sizeof(*icmp))
		return PM_DROP_MALFORMED_L4;
	packet->icmp_type = icmp->type;
	if (icmp->type == echo_request_type(v4) || icmp->type == echo_reply_type(v4)) {
		packet->echo_reply = icmp->type == echo_reply_type(v4);
		set_echo(&packet->query, bpf_ntohs(icmp->identifier), packet->echo_reply);
	}
	return PM_UNDECIDED;
}

static PM_INLINE __u32 parse_l4(const struct frame *frame, struct packet *packet)
{
	if (packet->fragment == LATER_FRAGMENT)
		return PM_UNDECIDED;
	if (packet->query.flow.protocol == PM_PROTO_TCP)
		return parse_tcp(frame, packet);
	if (packet->query.flow.protocol == PM_PROTO_UDP)
		return parse_udp(frame, packet);
	if (is_icmp(packet))
		return parse_icmp(frame, packet);
	return PM_UNDECIDED;
}

#endif
