/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The stage that most packets end in: a packet of a live flow is counted in the flow's entry, and
 * passes on the flow's row. A SYN never comes here: it is judged first (admit.h).
 */
#ifndef PM_MATCH_H
#define PM_MATCH_H

#include "flow_state.h"
#include "flow_table.h"
#include "handshake.h"
#include "verdict.h"

/* Does the packet begin another connection in the entry of one that has ended, by its SYN cookie?
 * Then it is admitted like any that begins (admit.h). */
static PM_INLINE int begins_again(void *ctx, const struct pm_flow *flow,
				  const struct packet *packet, __u32 hook)
{
	return hook == PM_IN && flow->marks & PM_FLOW_ENDING && flow->opener == PM_IN &&
	       packet->query.flow.protocol == PM_PROTO_TCP &&
	       find_socket_xdp(ctx, packet) == COOKIE_SOCKET;
}

/* Move a young flow up, if it has what it takes. `established`: the packet shows that it is. */
static PM_INLINE void promote_if_due(struct pm_flow *flow, const struct packet *packet,
				     int established)
{
	if (packet->query.flow.protocol == PM_PROTO_TCP) {
		if (established || flow->vouched == PM_VOUCH_HANDSHAKE)
			promote(flow, packet, PM_FLOW_ESTABLISHED);
	} else if (flow->opener == PM_OUT && packet->direction == PM_IN) {
		promote(flow, packet, PM_FLOW_ANSWERED);
	}
	if (*(volatile __u8 *)&flow->moved)
		drain(flow, &packet->query.flow);
}

/* Passes on the row of the packet's live flow; undecided if there is none. */
static PM_INLINE __u32 match_flow(void *ctx, struct packet *packet, __u32 hook)
{
	int young, established = hook == PM_OUT && packet->sender == ESTABLISHED_SENDER;
	__u32 now = stamp_now(), verdict;
	struct pm_flow *flow;

	flow = find_flow(packet, now, &young);
	if (!flow || begins_again(ctx, flow, packet, hook))
		return UNDECIDED;
	verdict = pass(flow->row);
	packet->shadow = flow->shadow;
	if (flow->check && !check_first_payload(ctx, &flow->check, flow->opener, packet, hook))
		return drop_of(PM_DROP_PAYLOAD_MISMATCH, flow->row);
	if (established && flow->vouched)
		flow->vouched = PM_VOUCH_NONE;
	else if (is_vouched_now(ctx, flow, packet, hook))
		established = 1;
	update_marks(flow, packet, established);
	if (flow->last != now)
		flow->last = now;
	add_to_flow(flow, packet);
	if (young)
		promote_if_due(flow, packet, established);
	return verdict;
}

#endif
