/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * IPv4 with its options, IPv6 with its extension headers, and what each says of fragments.
 */
#ifndef PM_PARSE_IP_H
#define PM_PARSE_IP_H

#include "packet.h"

struct options {
	__u8 byte[IPV4_OPTION_BYTES];
	__u32 length;
};

/* Options may not have source routes (RFC 7126), nor broken lengths (RFC 1122). They are read byte
 * by byte: with an index that depends on the lengths the verifier would follow every sum of
 * lengths. A function of its own: verified once. */
__noinline int options_are_fine(struct options *options)
{
	__u32 rest = 0; /* bytes of the option in hand that are still to come */
	int is_length = 0; /* the next byte is the option's length */

	if (!options)
		return 0;
	for (__u32 i = 0; i < IPV4_OPTION_BYTES && i < options->length; i++) {
		__u32 byte = options->byte[i];

		if (is_length) {
			if (byte < 2 || i - 1 + byte > options->length)
				return 0;
			rest = byte - 2;
			is_length = 0;
		} else if (rest) {
			rest--;
		} else if (byte == IPV4_OPTION_END) {
			return 1;
		} else if (byte == IPV4_OPTION_LOOSE_ROUTE || byte == IPV4_OPTION_STRICT_ROUTE) {
			return 0;
		} else {
			is_length = byte != IPV4_OPTION_NOP;
		}
	}
	return !is_length;
}

static PM_INLINE int ipv4_options_are_fine(const struct frame *frame, __u32 offset, __u32 length)
{
	struct options options = {.length = length};

#pragma unroll
	for (__u32 word = 0; word < IPV4_OPTION_BYTES / 4; word++) {
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

static PM_INLINE int is_extension(__u32 next)
{
	return next == IPV6_HOP_BY_HOP || next == IPV6_DESTINATION || next == IPV6_FRAGMENT ||
	       next == IPV6_ROUTING || next == IPV6_NO_NEXT;
}

/* The bytes that are counted are those of the IP packet. Of a GSO frame only the whole is known: it
 * stays as parse_ethernet has set it. */
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
	if (frame->segments > 1) /* the field of a GSO packet above 64 KB is 0 */
		total = frame->length - packet->l3;
	if (total < header || !ends_within(frame, packet->l3 + total))
		return PM_DROP_MALFORMED_IP;
	set_ip_bytes(frame, packet, total);
	set_addresses(&packet->query, address_v4(ip->saddr), address_v4(ip->daddr));
	packet->query.flow.protocol = ip->protocol;
	packet->hop_limit = ip->ttl;
	packet->l4 = packet->l3 + header;
	packet->l4_length = total - header > IP_BYTES_MAX ? IP_BYTES_MAX : total - header;

	offset = bpf_ntohs(ip->frag_off);
	if (offset & IPV4_FRAGMENTED) {
		packet->fragment = offset & IPV4_FRAGMENT_OFFSET ? LATER_FRAGMENT : FIRST_FRAGMENT;
		packet->fragment_id = bpf_ntohs(ip->id);
		packet->fragment_protocol = ip->protocol;
		if ((offset & IPV4_MORE_FRAGMENTS) && (total - header) & 7)
			return PM_DROP_MALFORMED_IP; /* the stack would cut off bytes that are
							judged here */
		offset = (offset & IPV4_FRAGMENT_OFFSET) * 8;
		if (offset + total - header > IP_BYTES_MAX - header ||
		    (offset == 8 && ip->protocol == PM_PROTO_TCP))
			return PM_DROP_MALFORMED_IP;
	}
	return PM_UNDECIDED;
}

/* The chain of extension headers. Permitted are (RFC 8200): hop-by-hop options in the first place,
 * destination options, and one fragment header. What parse_ipv6() takes for the transport header is
 * the first of them. */
static PM_INLINE __u32 parse_chain(const struct frame *frame, struct packet *packet)
{
	__u32 offset = packet->l4, start = offset, end = offset + packet->l4_length;
	__u32 next = packet->query.flow.protocol;
	int fragment_seen = 0;

	/* Unrolled: the verifier of Linux 6.1 refuses the loop that clang makes of it. */
#pragma unroll
	for (int i = 0; i <= IPV6_CHAIN_HEADERS; i++) {
		const __u8 *header;
		__u32 length;

		if (!is_extension(next)) {
			packet->query.flow.protocol = next;
			packet->l4 = offset;
			packet->l4_length = end - offset;
			return PM_UNDECIDED;
		}
		if (next == IPV6_ROUTING || next == IPV6_NO_NEXT ||
		    (next == IPV6_HOP_BY_HOP && i > 0) || i == IPV6_CHAIN_HEADERS)
			return PM_DROP_EXTENSION_HEADERS;
		header = at(frame, offset, 8);
		if (!header)
			return PM_DROP_EXTENSION_HEADERS;
		length = next == IPV6_FRAGMENT ? IPV6_FRAGMENT_BYTES : (header[1] + 1) * 8;
		if (offset + length > end || offset + length - start > IPV6_CHAIN_BYTES)
			return PM_DROP_EXTENSION_HEADERS;
		if (next == IPV6_FRAGMENT) {
			__u32 field = bpf_ntohs(*(const __be16 *)(header + 2));

			if (fragment_seen)
				return PM_DROP_EXTENSION_HEADERS;
			fragment_seen = 1;
			packet->fragment_protocol = header[0];
			if (field & IPV6_FRAGMENTED) { /* else atomic (RFC 6946) */
				packet->fragment = field & IPV6_FRAGMENT_OFFSET ? LATER_FRAGMENT
										: FIRST_FRAGMENT;
				packet->fragment_id = bpf_ntohl(*(const __be32 *)(header + 4));
				if ((field & IPV6_FRAGMENT_OFFSET) +
						    (end - offset - IPV6_FRAGMENT_BYTES) >
					    IP_BYTES_MAX ||
				    ((field & IPV6_MORE_FRAGMENTS) && (end - offset) & 7) ||
				    ((field & IPV6_FRAGMENT_OFFSET) == 8 &&
				     header[0] == PM_PROTO_TCP))
					return PM_DROP_MALFORMED_IP;
			}
			if (packet->fragment == LATER_FRAGMENT) {
				packet->query.flow.protocol = header[0];
				packet->l4 = offset + IPV6_FRAGMENT_BYTES;
				packet->l4_length = end - offset - IPV6_FRAGMENT_BYTES;
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
	if (payload == 0 || !ends_within(frame, packet->l3 + sizeof(*ip) + payload))
		return PM_DROP_MALFORMED_IP;
	set_ip_bytes(frame, packet, sizeof(*ip) + payload);
	source = address_v6(&ip->saddr);
	destination = address_v6(&ip->daddr);
	if (pm_is_v4(&source) || pm_is_v4(&destination)) /* mapped: IPv4 in an IPv6 header */
		return PM_DROP_MALFORMED_IP;
	set_addresses(&packet->query, source, destination);
	packet->hop_limit = ip->hop_limit;
	packet->query.flow.protocol = ip->nexthdr;
	packet->l4 = packet->l3 + sizeof(*ip);
	packet->l4_length = payload > IP_BYTES_MAX ? IP_BYTES_MAX : payload;
	return PM_UNDECIDED;
}

/* What few packets have: options in IPv4, extension headers in IPv6. */
static PM_INLINE int has_more_headers(const struct packet *packet)
{
	if (packet->ethertype == ETH_IPV6)
		return is_extension(packet->query.flow.protocol);
	return packet->l4 - packet->l3 > (int)sizeof(struct iphdr);
}

static PM_INLINE __u32 parse_more(const struct frame *frame, struct packet *packet)
{
	__u32 options = packet->l3 + sizeof(struct iphdr);

	if (packet->ethertype == ETH_IPV6)
		return parse_chain(frame, packet);
	return ipv4_options_are_fine(frame, options, packet->l4 - options) ? PM_UNDECIDED
									   : PM_DROP_MALFORMED_IP;
}

/* Verified once for each hook. Return a reason, or PM_UNDECIDED. */
__noinline int parse_more_xdp(struct xdp_md *ctx, struct packet *packet)
{
	struct frame frame = xdp_frame(ctx);

	return packet ? parse_more(&frame, packet) : PM_DROP_MALFORMED_IP;
}

__noinline int parse_more_skb(struct __sk_buff *skb, struct packet *packet)
{
	struct frame frame = skb_frame(skb);

	return packet ? parse_more(&frame, packet) : PM_DROP_MALFORMED_IP;
}

#endif
