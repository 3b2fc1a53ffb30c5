/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The stage that most packets end in: a packet of a live flow is counted in the flow's entry, and
 * passes on the flow's row. A SYN never comes here: it is judged first (admit.h).
 */
#ifndef PM_MATCH_H
#define PM_MATCH_H

#include "flow_state.h"
#include "flow_table.h"
#include "verdict.h"

/* Passes on the row of the packet's live flow; undecided if there is none. `established`: the
 * socket that sends the packet is established. */
static PM_INLINE __u32 match_flow(void *ctx, struct packet *packet, const struct gate *gate,
				  int established, __u32 hook)
{
	struct pm_flow_key key = flow_key(&packet->query.flow);
	__u32 now = stamp_now(), verdict;
	struct pm_flow *flow;
	int young;

	flow = find_flow(&key, gate, packet, now, &young);
	if (!flow)
		return UNDECIDED;
	verdict = pass(flow->row);
	packet->shadow = flow->shadow;
	if (flow->check && !check_first_payload(ctx, &flow->check, flow->opener, packet, hook))
		return drop_of(PM_DROP_PAYLOAD_MISMATCH, flow->row);
	update_marks(flow, packet, established);
	if (flow->last != now)
		flow->last = now;
	add_to_flow(flow, packet);
	if (!young)
		return verdict;
	if (packet->query.flow.protocol == PM_PROTO_TCP) {
		if (established)
			promote(flow, &key, PM_FLOW_ESTABLISHED);
	} else if (flow->opener == PM_OUT && packet->direction == PM_IN) {
		promote(flow, &key, PM_FLOW_ANSWERED);
	}
	if (*(volatile __u8 *)&flow->moved)
		drain(flow, &key);
	return verdict;
}

#endif
