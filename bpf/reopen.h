/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A SYN of a tcp flow that is known.
 */
#ifndef PM_REOPEN_H
#define PM_REOPEN_H

#include "flow_table.h"
#include "socket.h"

/* May a SYN begin another connection of the same ends? After an RST or FIN; where the socket went
 * without any (looked for only where something hangs on it); and if this host sends it, after a
 * connection that the peer opened. */
static PM_INLINE int may_reopen(void *ctx, const struct pm_flow *flow, const struct packet *packet,
				const struct pm_row *row, __u32 hook)
{
	if (flow->marks & PM_FLOW_ENDING)
		return 1;
	if (hook == PM_OUT)
		return flow->opener == PM_IN;
	return (flow->marks & PM_FLOW_ESTABLISHED) && (row->limit_interval || row->check) &&
	       find_socket_xdp(ctx, packet) == NO_SOCKET;
}

/* It is held to its row's check. Our own SYN begins it; a peer's may be forged, as the RST before
 * it, and waits for our SYN-ACK. `assured` has one entry for both openers: the other one's goes
 * over. */
static PM_INLINE void reopen_flow(struct pm_flow *flow, const struct packet *packet, __u16 slot,
				  __u8 check)
{
	if (flow->opener != packet->direction) {
		flow->opener = packet->direction;
		flow->row = slot;
		flow->shadow = packet->shadow;
		flow->check = 0;
	}
	flow->last = stamp_now();
	flow->check_after_synack =
		packet->direction == PM_IN ? check | PM_FLOW_CHECK_AFTER_SYNACK : 0;
	if (packet->direction == PM_OUT) {
		flow->check = check;
		flow->marks &= ~PM_FLOW_ENDING;
	}
}

static PM_INLINE void count_syn(struct pm_flow *flow, int young, const struct packet *packet)
{
	struct pm_flow_key key = flow_key(&packet->query.flow);

	add_to_flow(flow, packet);
	if (young && *(volatile __u8 *)&flow->moved)
		drain(flow, &key);
}

/* This host's SYN says that its stack has no such connection: what a peer began is over. */
static PM_INLINE void end_inbound_flow(const struct packet *packet)
{
	struct pm_flow_key key = flow_key(&packet->query.flow);
	struct pm_flow *flow = bpf_map_lookup_elem(&outside, &key);

	if (!flow)
		return;
	flow->check = 0;
	flow->marks |= PM_FLOW_OVER;
	if (flow->last == stamp_now())
		flow->last--; /* idle for no time at all is not expired */
}

static PM_INLINE struct pm_flow *find_syn_flow(struct packet *packet, const struct gate *gate,
					       int *young)
{
	struct pm_flow_key key = flow_key(&packet->query.flow);

	return find_flow(&key, gate, packet, stamp_now(), young);
}

/* This host's SYN-ACK: the peer's SYN has opened another connection. Returns the new marks. */
static PM_INLINE __u8 finish_reopening(struct pm_flow *flow, __u8 marks)
{
	flow->check = flow->check_after_synack & ~PM_FLOW_CHECK_AFTER_SYNACK;
	flow->check_after_synack = 0;
	return marks & ~PM_FLOW_ENDING;
}

#endif
