/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet without a live flow: judge it, and if a row permits, open its flow or let a socket
 * vouch for it. docs/design.md, "Directions and orientation", has the rules in words.
 */
#ifndef PM_ADMIT_H
#define PM_ADMIT_H

#include "flow.h"
#include "fragment.h"
#include "limit.h"
#include "socket.h"

#define FAMILY_V4 2
#define FAMILY_V6 10

/* Would this host route the packet on? Asked of what a row would admit. A function of its own, for
 * the stack: its route lies beside the judge's frames, not below them. */
__noinline int is_routed(struct xdp_md *ctx, const struct packet *packet)
{
	const struct pm_tuple *flow = &packet->ask.flow;
	struct bpf_fib_lookup route = {};
	long found;

	if (!packet)
		return 0;
	route.l4_protocol = flow->protocol;
	route.ifindex = ctx->ingress_ifindex;
	if (pm_is_multicast(&flow->local))
		return 0;
	if (pm_is_v4(&flow->local)) {
		route.family = FAMILY_V4;
		route.ipv4_src = bpf_htonl((__u32)flow->remote.low);
		route.ipv4_dst = bpf_htonl((__u32)flow->local.low);
	} else {
		route.family = FAMILY_V6;
		to_v6(&flow->remote, route.ipv6_src);
		to_v6(&flow->local, route.ipv6_dst);
	}
	found = bpf_fib_lookup(ctx, &route, sizeof(route), 0);
	return found == BPF_FIB_LKUP_RET_SUCCESS || found == BPF_FIB_LKUP_RET_NO_NEIGH ||
	       found == BPF_FIB_LKUP_RET_FRAG_NEEDED || found == BPF_FIB_LKUP_RET_UNSUPP_LWT;
}

/* Can this packet open a flow, if a row permits it? */
static PM_INLINE int can_open(const struct packet *packet)
{
	if (packet->fragment == LATER_FRAGMENT || packet->echo_reply)
		return 0;
	return packet->ask.flow.protocol != PM_PROTO_TCP || is_syn(packet);
}

/* Ask in the packet's own orientation if a row may have its ports, else as an answer; a tcp
 * segment that may be either is asked both ways. Returns the opener that the answer is about.
 * A function of its own: verified once. */
__noinline int ask_both_ways(struct packet *packet, const struct gate *gate, struct answer *answer)
{
	__u8 own = packet ? packet->ask.direction : 0;
	__u32 reason;

	if (!packet || !gate || !answer)
		return 0;
	packet->ask.flow.opener = gate->own ? own : !own;
	judge(&packet->ask, answer);
	if (!is_drop(answer->verdict) || !gate->own || !gate->answer || is_syn(packet) ||
	    packet->ask.flow.protocol != PM_PROTO_TCP)
		return packet->ask.flow.opener;
	reason = answer->verdict;
	packet->ask.flow.opener = !own;
	judge(&packet->ask, answer);
	if (is_drop(answer->verdict))
		answer->verdict = reason;
	return !own;
}

/* A SYN of a live flow changes nothing of it. 0: there is none. */
static PM_INLINE int repeats_syn(struct packet *packet, const struct gate *gate)
{
	struct pm_flow_key key = flow_key(&packet->ask.flow);
	struct pm_flow *flow;
	int young;

	flow = find_flow(&key, gate, packet, stamp_now(), &young);
	if (!flow)
		return 0;
	add_to_flow(flow, packet);
	if (young && *(volatile __u8 *)&flow->moved)
		drain(flow, &key);
	return 1;
}

/* A permitted packet that opens a flow: within the limit, with the payload that the row demands.
 * The first payload of a tcp flow is checked when it comes. */
static PM_INLINE __u32 admit_opener(void *ctx, struct packet *packet, const struct gate *gate,
				    const struct answer *answer, __u32 hook)
{
	const struct pm_row *row = &answer->row;
	__u8 check = row->check, drops = row->flags & PM_ROW_CHECK_DROPS ? PM_FLOW_CHECK_DROPS : 0;

	if (is_syn(packet) && repeats_syn(packet, gate))
		return pass(row->slot);
	if (row->limit_interval && !within_limit(packet, row))
		return drop(PM_DROP_RATE_LIMITED);
	if (check && (!is_syn(packet) || packet->payload_length)) {
		if (!fits(ctx, packet, check, hook)) {
			packet->mismatched = 1;
			if (drops)
				return drop(PM_DROP_PAYLOAD_MISMATCH);
		}
		check = 0;
	}
	if (pm_is_multicast(&packet->ask.flow.local) || pm_is_multicast(&packet->ask.flow.remote))
		return pass(row->slot); /* whoever answers does so from another address */
	if (!open_flow(hook == PM_IN ? (void *)&outside : (void *)&opening, packet, hook, answer, 0,
		       check ? check | drops : 0))
		return drop(PM_DROP_FLOW_TABLE_FULL);
	return pass(row->slot);
}

static PM_INLINE __u32 admit(void *ctx, struct packet *packet, struct gate *gate, __u32 hook)
{
	struct answer answer = {};
	__u32 opener;
	int socket;

	if (gate->unsure)
		ask_pairs(packet, gate);
	opener = ask_both_ways(packet, gate, &answer);
	if (is_drop(answer.verdict))
		return answer.verdict;
	if (opener == packet->direction && can_open(packet)) {
		if (hook == PM_IN && is_routed(ctx, packet))
			return drop(PM_DROP_FORWARDED);
		return admit_opener(ctx, packet, gate, &answer, hook);
	}
	if (packet->ask.flow.protocol != PM_PROTO_TCP)
		return drop(PM_DROP_NOT_FIRST_PACKET);
	socket = hook == PM_IN ? find_socket_xdp(ctx, packet) : find_socket_skb(ctx, packet);
	if (socket == NO_SOCKET)
		return drop(PM_DROP_NOT_FIRST_PACKET);
	if (socket == LIVE_SOCKET)
		open_flow(&assured, packet, opener, &answer, PM_FLOW_ESTABLISHED, 0);
	return pass(answer.row.slot);
}

#endif
