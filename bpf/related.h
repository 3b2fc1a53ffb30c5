/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ICMP errors. One passes if the packet that it quotes belongs to a live flow. It neither refreshes
 * nor closes that flow (RFC 5927), since it may be forged. Functions here take the error as `icmp`:
 * once parse_quoted() is through, its query is about the quoted packet's flow.
 */
#ifndef PM_RELATED_H
#define PM_RELATED_H

#include "flow_table.h"
#include "pace.h"
#include "socket.h"

static PM_INLINE int is_icmp_error(const struct packet *packet)
{
	__u8 type = packet->icmp_type;

	if (packet->ethertype == ETH_IPV4)
		return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
		       type == ICMP_PARAMETER_PROBLEM;
	return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER_PROBLEM;
}

/* Extension headers of a quoted packet at most, and their bytes. With the error's own headers they
 * end before HEADERS_MAX. */
#define QUOTED_CHAIN_HEADERS 4
#define QUOTED_CHAIN_BYTES 128

/* Skip options, and the header of a first fragment: "packet too big" often quotes one. Returns the
 * offset of the transport header, or 0. */
static PM_INLINE __u32 skip_quoted_chain(const struct frame *frame, struct packet *icmp, __u32 next,
					 __u32 offset)
{
	__u32 end = offset + QUOTED_CHAIN_BYTES;

#pragma unroll
	for (int i = 0; i <= QUOTED_CHAIN_HEADERS; i++) {
		const __u8 *header;

		if (next != IPV6_HOP_BY_HOP && next != IPV6_DESTINATION && next != IPV6_FRAGMENT) {
			icmp->query.flow.protocol = next;
			return offset;
		}
		header = i < QUOTED_CHAIN_HEADERS ? at(frame, offset, 8) : NULL;
		if (!header || (next == IPV6_FRAGMENT &&
				*(const __be16 *)(header + 2) & bpf_htons(IPV6_FRAGMENT_OFFSET)))
			return 0;
		offset += next == IPV6_FRAGMENT ? IPV6_FRAGMENT_BYTES : (header[1] + 1) * 8;
		if (offset > end)
			return 0;
		next = header[0];
	}
	return 0;
}

/* Make the query one about the quoted packet: its addresses, its protocol, and its direction, which
 * is the other one than the error's. Returns the offset of its ports, or 0: what is quoted is no
 * packet that this error can be about. */
static PM_INLINE __u32 parse_quoted_ip(const struct frame *frame, struct packet *icmp)
{
	__u32 l3 = icmp->l4 + sizeof(struct icmp_header), l4;
	struct pm_addr source, destination;

	if (icmp->ethertype == ETH_IPV4) {
		const struct iphdr *ip = at(frame, l3, sizeof(*ip));

		if (!ip || ip->version != 4 || ip->ihl < 5 ||
		    (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)))
			return 0;
		source = address_v4(ip->saddr);
		destination = address_v4(ip->daddr);
		icmp->query.flow.protocol = ip->protocol;
		l4 = l3 + ip->ihl * 4;
	} else {
		const struct ipv6hdr *ip = at(frame, l3, sizeof(*ip));

		if (!ip || ip->version != 6)
			return 0;
		source = address_v6(&ip->saddr);
		destination = address_v6(&ip->daddr);
		l4 = skip_quoted_chain(frame, icmp, ip->nexthdr, l3 + sizeof(*ip));
		if (!l4)
			return 0;
	}
	/* CVE-2019-5598: the quoted packet must be of the host that the error is sent to. And of an
	 * error that this host sends, it must have been sent to the error's source. */
	if (icmp->direction == PM_IN ? !is_same(&source, &icmp->query.flow.local)
				     : !is_same(&source, &icmp->query.flow.remote) ||
					       !is_same(&destination, &icmp->query.flow.local))
		return 0;
	icmp->query.direction = !icmp->direction;
	set_addresses(&icmp->query, source, destination);
	return l4 + 8 > (__u32)icmp->l4 + icmp->l4_length ? 0 : l4;
}

static PM_INLINE int parse_quoted(const struct frame *frame, struct packet *icmp)
{
	__u32 l4 = parse_quoted_ip(frame, icmp);
	__u8 protocol = icmp->query.flow.protocol, type, v4 = icmp->ethertype == ETH_IPV4;
	const __be16 *ports;

	if (!l4 || icmp->fragment != NOT_FRAGMENT)
		return 0;
	ports = at(frame, l4, 8);
	if (!ports)
		return 0;
	icmp->query.flow.local_port = icmp->query.flow.remote_port = 0;
	if (protocol == PM_PROTO_TCP || protocol == PM_PROTO_UDP)
		set_ports(&icmp->query, bpf_ntohs(ports[0]), bpf_ntohs(ports[1]));
	if (protocol != (v4 ? PM_PROTO_ICMP : PM_PROTO_ICMPV6))
		return 1;
	type = *(const __u8 *)ports;
	if (type != echo_request_type(v4) && type != echo_reply_type(v4))
		return 0; /* about an error, or about a type that opens no flow */
	set_echo(&icmp->query, bpf_ntohs(ports[2]), type == echo_reply_type(v4));
	return 1;
}

/* Verified once for each hook. */
__noinline int parse_quoted_xdp(struct xdp_md *ctx, struct packet *icmp)
{
	struct frame frame = xdp_frame(ctx);

	return icmp && parse_quoted(&frame, icmp);
}

__noinline int parse_quoted_skb(struct __sk_buff *skb, struct packet *icmp)
{
	struct frame frame = skb_frame(skb);

	return icmp && parse_quoted(&frame, icmp);
}

enum related {
	UNRELATED,
	RELATED,
	STALE, /* passed under an older epoch: to be judged anew */
};

/* Is there a live entry of the quoted flow that `opener` opened? Returns enum related. Unlike
 * find_flow() it does not change the entry: a stale one is judged by is_related(), and keeps its
 * epoch. The query gets the age of the flow. */
__noinline int find_related(struct packet *icmp, __u32 opener)
{
	struct pm_flow_key key;
	struct pm_flow *flow;
	__u32 now;

	if (!icmp)
		return UNRELATED;
	key = icmp->query.flow;
	now = stamp_now();
	flow = find_entry(&assured, &key, now);
	if (!flow || flow->opener != opener)
		flow = opener == PM_IN ? find_entry(&outside, &key, now)
				       : find_entry(&opening, &key, now);
	if (!flow || flow->moved)
		return UNRELATED;
	icmp->query.age = age_of(flow, now);
	return is_older(flow, &icmp->query) ? STALE : RELATED;
}

/* Does the quoted flow have a live entry? A stale one counts if it would pass under the packet's
 * epoch. */
static PM_INLINE int is_related(struct packet *icmp, __u32 opener)
{
	int related = find_related(icmp, opener);

	if (related != STALE)
		return related == RELATED;
	icmp->query.opener = opener;
	judge(&icmp->query, &icmp->judged);
	return !is_drop(icmp->judged.verdict);
}

/* A tcp flow that has lost its entry may live on in the socket table, if a row permits it. */
static PM_INLINE int has_related_socket(void *ctx, struct packet *icmp, __u32 hook)
{
	int socket;

	if (icmp->query.flow.protocol != PM_PROTO_TCP)
		return 0;
	/* An ICMP packet has no TCP flags: here it is no SYN, and no ACK with a SYN cookie. */
	icmp->gate.own = icmp->gate.answer = 1;
	icmp->query.age = AGE_UNKNOWN;
	judge_both_ways(icmp);
	if (is_drop(icmp->judged.verdict))
		return 0;
	socket = hook == PM_IN ? find_socket_xdp(ctx, icmp) : find_socket_skb(ctx, icmp);
	return socket == LIVE_SOCKET;
}

/* `hook` is a constant. */
static PM_INLINE __u32 pass_icmp_error(void *ctx, struct packet *icmp, __u32 hook)
{
	if (!(hook == PM_IN ? parse_quoted_xdp(ctx, icmp) : parse_quoted_skb(ctx, icmp)))
		return drop(PM_DROP_ICMP_UNRELATED);
	if (is_related(icmp, PM_IN) || is_related(icmp, PM_OUT) ||
	    has_related_socket(ctx, icmp, hook))
		return at_pace(icmp, pass(PM_ESSENTIAL_ICMP_ERROR));
	return drop(PM_DROP_ICMP_UNRELATED);
}

#endif
