/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From bytes to struct packet: the only bounds checks of the packet path. Both hooks and both
 * IP versions go through the same code; what cannot be parsed has a reason of its own.
 */
#ifndef PM_PACKET_H
#define PM_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "image.h"

#define ETH_8021Q 0x8100
#define ETH_8021AD 0x88a8
#define ETH_QINQ 0x9100
#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_ARP 0x0806
#define ETH_SLOW 0x8809

#define IPV6_CHAIN_HEADERS 8   /* extension headers walked at most, and their bytes */
#define IPV6_CHAIN_BYTES 256
#define HEADERS_MAX 512        /* no header that is looked at starts later: 18 + 60 + 256 + 60 */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_URG 0x20

/* The frame as the hook hands it over. */
struct frame {
	void *data;
	void *end;
	__u32 length;   /* of the whole frame; its first buffer may end before */
	__u32 wire;     /* bytes that leave, all segments with their headers */
	__u32 segments; /* packets on the wire: more than 1 for GSO on the way out */
	__u32 tags;     /* VLAN tags in the metadata */
};

enum fragment_part { NOT_FRAGMENT, FIRST_FRAGMENT, LATER_FRAGMENT };

struct packet {
	struct pm_tuple flow; /* as if the packet opened a flow */
	__u32 bytes;          /* IP bytes on the wire; non-IP: behind the frame's header */
	__u32 segments;
	__u32 fragment_id;
	__u16 ethertype;
	__u16 l3;             /* offsets in the frame */
	__u16 l4;
	__u16 l4_length;      /* bytes from l4 to the end of the IP packet */
	__u8 direction;
	__u8 tcp_flags;
	__u8 icmp_type;       /* of ICMP in IPv4 and of ICMPv6 in IPv6 */
	__u8 hop_limit;
	__u8 fragment;        /* enum fragment_part */
	__u8 fragment_protocol;
	__u8 echo_reply;
	__u8 multicast_frame;
};

/* `size` bytes at `offset`, or null. The barrier keeps clang from moving the bound's compare to
 * where the verifier of Linux 6.1 has forgotten it. */
static PM_INLINE void *at(const struct frame *frame, __u32 offset, __u32 size)
{
	void *start;

	asm volatile("" : "+r"(offset));
	if (offset > HEADERS_MAX)
		return NULL;
	start = frame->data + offset;
	if (start + size > frame->end)
		return NULL;
	return start;
}

static PM_INLINE struct pm_addr address_v4(__be32 address)
{
	struct pm_addr value = {0, PM_V4_PREFIX | bpf_ntohl(address)};
	return value;
}

static PM_INLINE struct pm_addr address_v6(const struct in6_addr *address)
{
	const __u32 *word = address->in6_u.u6_addr32;
	struct pm_addr value = {
		(__u64)bpf_ntohl(word[0]) << 32 | bpf_ntohl(word[1]),
		(__u64)bpf_ntohl(word[2]) << 32 | bpf_ntohl(word[3]),
	};
	return value;
}

static PM_INLINE void set_addresses(struct packet *packet, struct pm_addr source,
				    struct pm_addr destination)
{
	int in = packet->direction == PM_IN;

	packet->flow.local = in ? destination : source;
	packet->flow.remote = in ? source : destination;
}

static PM_INLINE void set_ports(struct packet *packet, __u16 source, __u16 destination)
{
	int in = packet->direction == PM_IN;

	packet->flow.local_port = in ? destination : source;
	packet->flow.remote_port = in ? source : destination;
}

static PM_INLINE int is_vlan(__u16 ethertype)
{
	return ethertype == ETH_8021Q || ethertype == ETH_8021AD || ethertype == ETH_QINQ;
}

static PM_INLINE __u32 parse_ethernet(const struct frame *frame, struct packet *packet)
{
	const struct ethhdr *eth = at(frame, 0, sizeof(*eth));
	__u32 offset = sizeof(*eth);

	if (!eth)
		return PM_DROP_MALFORMED_ETHERNET;
	packet->multicast_frame = eth->h_dest[0] & 1;
	if (eth->h_source[0] & 1)
		return PM_DROP_MALFORMED_ETHERNET;
	packet->ethertype = bpf_ntohs(eth->h_proto);
#pragma unroll
	for (__u32 tag = 0; tag < 2; tag++) {
		const __be16 *inner;

		if (!is_vlan(packet->ethertype))
			break;
		if (tag + frame->tags >= 2)
			return PM_DROP_MALFORMED_ETHERNET;
		inner = at(frame, offset + 2, sizeof(*inner));
		if (!inner)
			return PM_DROP_MALFORMED_ETHERNET;
		packet->ethertype = bpf_ntohs(*inner);
		offset += 4;
	}
	if (is_vlan(packet->ethertype))
		return PM_DROP_MALFORMED_ETHERNET;
	packet->l3 = offset;
	packet->bytes = frame->wire - offset * frame->segments;
	return PM_UNDECIDED;
}

/* The 40 bytes that IPv4 options have at most. */
struct options {
	__u8 byte[40];
	__u32 length;
};

/* IPv4 options that may pass: no source routes (RFC 7126), no broken lengths (RFC 1122). */
__noinline int options_are_fine(struct options *options)
{
	__u32 i = 0;

	if (!options)
		return 0;
	for (int step = 0; step < 40; step++) {
		__u32 kind, length;

		if (i >= options->length || i >= 40)
			return 1;
		kind = options->byte[i];
		if (kind == 0)
			return 1;
		if (kind == 131 || kind == 137)
			return 0;
		length = 1;
		if (kind != 1) {
			if (i + 1 >= options->length || i + 1 >= 40)
				return 0;
			length = options->byte[i + 1];
			if (length < 2 || i + length > options->length)
				return 0;
		}
		i += length;
	}
	return 1;
}

static PM_INLINE int ipv4_options_are_fine(const struct frame *frame, __u32 offset, __u32 length)
{
	struct options options = {.length = length};

#pragma unroll
	for (__u32 word = 0; word < 10; word++) {
		const __u32 *from;

		if (word * 4 >= length)
			break;
		from = at(frame, offset + word * 4, 4);
		if (!from)
			return 0;
		__builtin_memcpy(&options.byte[word * 4], from, 4);
	}
	return options_are_fine(&options);
}

/* The bytes of the IP packet on the wire, from its length and the frame it is in. */
static PM_INLINE void set_ip_bytes(const struct frame *frame, struct packet *packet, __u32 length)
{
	if (frame->segments == 1)
		packet->bytes = length;
}

static PM_INLINE __u32 parse_ipv4(const struct frame *frame, struct packet *packet)
{
	const struct iphdr *ip = at(frame, packet->l3, sizeof(*ip));
	__u32 header, total, offset;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return PM_DROP_MALFORMED_IP;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (frame->segments > 1) /* of a GSO packet beyond 64 KB the field is 0 */
		total = frame->length - packet->l3;
	if (total < header || packet->l3 + total > frame->length)
		return PM_DROP_MALFORMED_IP;
	set_ip_bytes(frame, packet, total);
	set_addresses(packet, address_v4(ip->saddr), address_v4(ip->daddr));
	packet->flow.protocol = ip->protocol;
	packet->hop_limit = ip->ttl;
	packet->l4 = packet->l3 + header;
	packet->l4_length = total - header > 0xffff ? 0xffff : total - header;

	offset = bpf_ntohs(ip->frag_off);
	if (offset & 0x3fff) {
		packet->fragment = offset & 0x1fff ? LATER_FRAGMENT : FIRST_FRAGMENT;
		packet->fragment_id = bpf_ntohs(ip->id);
		packet->fragment_protocol = ip->protocol;
		offset = (offset & 0x1fff) * 8;
		if (offset + total - header > 65535 - header ||
		    (offset == 8 && ip->protocol == PM_PROTO_TCP))
			return PM_DROP_MALFORMED_IP;
	}
	if (header > sizeof(*ip) &&
	    !ipv4_options_are_fine(frame, packet->l3 + sizeof(*ip), header - sizeof(*ip)))
		return PM_DROP_MALFORMED_IP;
	return PM_UNDECIDED;
}

static PM_INLINE int is_mapped(const struct pm_addr *address)
{
	return pm_is_v4(address);
}

/* RFC 8200: hop-by-hop first or not at all, destination options, one fragment header. */
static PM_INLINE __u32 parse_chain(const struct frame *frame, struct packet *packet, __u32 next,
				   __u32 end)
{
	__u32 offset = packet->l3 + sizeof(struct ipv6hdr), start = offset;
	int fragment_seen = 0;

	for (int i = 0; i <= IPV6_CHAIN_HEADERS; i++) {
		const __u8 *header;
		__u32 length;

		if (next != 0 && next != 60 && next != 44 && next != 43 && next != 59) {
			packet->flow.protocol = next;
			packet->l4 = offset;
			packet->l4_length = end - offset > 0xffff ? 0xffff : end - offset;
			return PM_UNDECIDED;
		}
		if (next == 43 || next == 59 || (next == 0 && i > 0) || i == IPV6_CHAIN_HEADERS)
			return PM_DROP_EXTENSION_HEADERS;
		header = at(frame, offset, 8);
		if (!header)
			return PM_DROP_EXTENSION_HEADERS;
		length = next == 44 ? 8 : (header[1] + 1) * 8;
		if (offset + length > end || offset + length - start > IPV6_CHAIN_BYTES)
			return PM_DROP_EXTENSION_HEADERS;
		if (next == 44) {
			__u32 field = bpf_ntohs(*(const __be16 *)(header + 2));

			if (fragment_seen)
				return PM_DROP_EXTENSION_HEADERS;
			fragment_seen = 1;
			if (field & 0xfff9) { /* else atomic (RFC 6946): no fragment */
				packet->fragment = field & 0xfff8 ? LATER_FRAGMENT : FIRST_FRAGMENT;
				packet->fragment_id = bpf_ntohl(*(const __be32 *)(header + 4));
				packet->fragment_protocol = header[0];
				if ((field & 0xfff8) + (end - offset - 8) > 65535 ||
				    ((field & 0xfff8) == 8 && header[0] == PM_PROTO_TCP))
					return PM_DROP_MALFORMED_IP;
			}
			if (packet->fragment == LATER_FRAGMENT) {
				packet->flow.protocol = header[0];
				packet->l4 = offset + 8;
				packet->l4_length = end - offset - 8;
				return PM_UNDECIDED;
			}
		}
		next = header[0];
		offset += length;
	}
	return PM_DROP_EXTENSION_HEADERS;
}

static PM_INLINE __u32 parse_ipv6(const struct frame *frame, struct packet *packet)
{
	const struct ipv6hdr *ip = at(frame, packet->l3, sizeof(*ip));
	struct pm_addr source, destination;
	__u32 payload;

	if (!ip || ip->version != 6)
		return PM_DROP_MALFORMED_IP;
	payload = bpf_ntohs(ip->payload_len);
	if (frame->segments > 1)
		payload = frame->length - packet->l3 - sizeof(*ip);
	if (payload == 0 || packet->l3 + sizeof(*ip) + payload > frame->length)
		return PM_DROP_MALFORMED_IP;
	set_ip_bytes(frame, packet, sizeof(*ip) + payload);
	source = address_v6(&ip->saddr);
	destination = address_v6(&ip->daddr);
	if (is_mapped(&source) || is_mapped(&destination))
		return PM_DROP_MALFORMED_IP;
	set_addresses(packet, source, destination);
	packet->hop_limit = ip->hop_limit;
	return parse_chain(frame, packet, ip->nexthdr, packet->l3 + sizeof(*ip) + payload);
}

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
	set_ports(packet, bpf_ntohs(tcp->source), bpf_ntohs(tcp->dest));
	packet->tcp_flags = ((const __u8 *)tcp)[13];
	return tcp_flags_are_fine(packet->tcp_flags) ? PM_UNDECIDED : PM_DROP_BAD_TCP_FLAGS;
}

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
	set_ports(packet, bpf_ntohs(udp->source), bpf_ntohs(udp->dest));
	return PM_UNDECIDED;
}

/* An echo's ports are its identifier and who asked: a request that reuses the identifier of our
 * own ping is no part of that flow. */
static PM_INLINE void set_echo(struct packet *packet, __u16 identifier, int reply)
{
	packet->echo_reply = reply;
	packet->flow.local_port = identifier;
	packet->flow.remote_port = reply ? !packet->direction : packet->direction;
}

/* <linux/icmp.h> needs the C library's headers. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier; /* of echo */
	__be16 sequence;
};

static PM_INLINE __u32 parse_icmp(const struct frame *frame, struct packet *packet)
{
	const struct icmp_header *icmp = at(frame, packet->l4, sizeof(*icmp));
	int v4 = packet->flow.protocol == PM_PROTO_ICMP;

	if (!icmp || packet->l4_length < sizeof(*icmp))
		return PM_DROP_MALFORMED_L4;
	packet->icmp_type = icmp->type;
	if (icmp->type == (v4 ? 8 : 128) || icmp->type == (v4 ? 0 : 129))
		set_echo(packet, bpf_ntohs(icmp->identifier), icmp->type == (v4 ? 0 : 129));
	return PM_UNDECIDED;
}

/* ICMP of the packet's own IP version; the other's is a protocol like any. */
static PM_INLINE int is_icmp(const struct packet *packet)
{
	return packet->flow.protocol ==
	       (packet->ethertype == ETH_IPV4 ? PM_PROTO_ICMP : PM_PROTO_ICMPV6);
}

static PM_INLINE __u32 parse_l4(const struct frame *frame, struct packet *packet)
{
	if (packet->fragment == LATER_FRAGMENT)
		return PM_UNDECIDED;
	if (packet->flow.protocol == PM_PROTO_TCP)
		return parse_tcp(frame, packet);
	if (packet->flow.protocol == PM_PROTO_UDP)
		return parse_udp(frame, packet);
	if (is_icmp(packet))
		return parse_icmp(frame, packet);
	return PM_UNDECIDED;
}

static PM_INLINE __u32 parse(const struct frame *frame, struct packet *packet)
{
	__u32 reason;

	packet->segments = frame->segments;
	packet->bytes = frame->wire;
	reason = parse_ethernet(frame, packet);
	if (reason != PM_UNDECIDED)
		return reason;
	if (packet->ethertype == ETH_IPV4)
		reason = parse_ipv4(frame, packet);
	else if (packet->ethertype == ETH_IPV6)
		reason = parse_ipv6(frame, packet);
	else
		return packet->ethertype == ETH_ARP || packet->ethertype == ETH_SLOW
			       ? PM_UNDECIDED
			       : PM_DROP_UNSUPPORTED_ETHERTYPE;
	if (reason != PM_UNDECIDED)
		return reason;
	if (packet->multicast_frame && packet->direction == PM_IN &&
	    !pm_is_multicast(&packet->flow.local))
		return PM_DROP_MALFORMED_ETHERNET;
	return parse_l4(frame, packet);
}

/* The frame and its parts that the hook keeps elsewhere. */
static PM_INLINE struct frame xdp_frame(struct xdp_md *ctx)
{
	struct frame frame = {
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.length = bpf_xdp_get_buff_len(ctx),
		.segments = 1,
	};

	frame.wire = frame.length;
	return frame;
}

static PM_INLINE struct frame skb_frame(struct __sk_buff *skb)
{
	__u32 segments = skb->gso_segs, wire = skb->wire_len, length = skb->len;
	struct frame frame = {
		.data = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
		.length = length,
		.segments = 1,
		.tags = skb->vlan_present,
	};

	/* The loads stay above: clang would choose between their addresses, and the verifier
	 * refuses a computed context pointer. */
	asm volatile("" : "+r"(segments), "+r"(wire), "+r"(length));
	frame.wire = length;
	if (segments > 1) {
		frame.segments = segments;
		frame.wire = wire;
	}
	return frame;
}

#define LINEAR_MIN 54 /* Ethernet, IPv4 and TCP: the stack's own headers are always linear */

/* Parsing is a function of its own for each hook: verified once, not once a path behind it. */
__noinline int parse_xdp(struct xdp_md *ctx, struct packet *packet)
{
	struct frame frame = xdp_frame(ctx);

	return packet ? parse(&frame, packet) : PM_DROP_NO_POLICY;
}

__noinline int parse_skb(struct __sk_buff *skb, struct packet *packet)
{
	struct frame frame;

	if ((void *)(long)skb->data + LINEAR_MIN > (void *)(long)skb->data_end &&
	    skb->len >= LINEAR_MIN)
		bpf_skb_pull_data(skb, skb->len < HEADERS_MAX ? skb->len : HEADERS_MAX);
	frame = skb_frame(skb);
	return packet ? parse(&frame, packet) : PM_DROP_NO_POLICY;
}

static PM_INLINE int is_syn(const struct packet *packet)
{
	return packet->flow.protocol == PM_PROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

#endif
