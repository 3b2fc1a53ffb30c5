/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From bytes to struct packet: Ethernet here, IP in parse_ip.h, what lies above in parse_l4.h. Both
 * hooks and both IP versions go through the same code. A packet that cannot be parsed is dropped
 * for a reason that names the layer. Functions return a reason, or PM_UNDECIDED.
 */
#ifndef PM_PARSE_H
#define PM_PARSE_H

#include "parse_ip.h"
#include "parse_l4.h"

static PM_INLINE int is_vlan(__u16 ethertype)
{
	return ethertype == ETH_8021Q || ethertype == ETH_8021AD || ethertype == ETH_QINQ;
}

static PM_INLINE __u32 parse_ethernet(const struct frame *frame, struct packet *packet)
{
	/* Not as a struct ethhdr, which is packed: clang would read its type byte by byte. */
	const __u8 *eth = at(frame, 0, ETH_HLEN);
	__u32 offset = ETH_HLEN;

	if (!eth)
		return PM_DROP_MALFORMED_ETHERNET;
	packet->multicast_frame = eth[0] & 1;
	if (eth[ETH_ALEN] & 1)
		return PM_DROP_MALFORMED_ETHERNET;
	packet->ethertype = bpf_ntohs(*(const __be16 *)(eth + 2 * ETH_ALEN));
#pragma unroll
	for (__u32 tag = 0; tag <= VLAN_TAGS_MAX; tag++) { /* the last turn only refuses one more */
		const __be16 *inner;

		if (!is_vlan(packet->ethertype))
			break;
		if (tag + frame->tags >= VLAN_TAGS_MAX)
			return PM_DROP_MALFORMED_ETHERNET;
		inner = at(frame, offset + 2, sizeof(*inner));
		if (!inner)
			return PM_DROP_MALFORMED_ETHERNET;
		packet->ethertype = bpf_ntohs(*inner);
		offset += VLAN_TAG_BYTES;
	}
	packet->l3 = offset;
	packet->bytes = frame->wire - offset * frame->segments;
	return PM_UNDECIDED;
}

/* `ctx` and `hook` are those of the frame. */
static PM_INLINE __u32 parse(void *ctx, __u32 hook, const struct frame *frame,
			     struct packet *packet)
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
	if (reason == PM_UNDECIDED && has_more_headers(packet))
		reason = hook == PM_IN ? parse_more_xdp(ctx, packet) : parse_more_skb(ctx, packet);
	if (reason != PM_UNDECIDED)
		return reason;
	if (packet->multicast_frame && packet->direction == PM_IN &&
	    !pm_is_multicast(&packet->query.flow.local))
		return PM_DROP_MALFORMED_ETHERNET;
	return parse_l4(frame, packet);
}

#endif
