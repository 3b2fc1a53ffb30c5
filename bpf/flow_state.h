/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a flow's packets change of its entry.
 */
#ifndef PM_FLOW_STATE_H
#define PM_FLOW_STATE_H

#include "flow_table.h"
#include "packet.h"
#include "payload.h"
#include "reopen.h"

/* What an RST or FIN says. */
static PM_INLINE __u8 end_marks(const struct packet *packet)
{
	__u8 marks = 0;

	if (packet->tcp_flags & TCP_FIN)
		marks |= PM_FLOW_ENDING |
			 (packet->direction == PM_IN ? PM_FLOW_FIN_IN : PM_FLOW_FIN_OUT);
	if (packet->tcp_flags & TCP_RST)
		marks |= PM_FLOW_ENDING | PM_FLOW_RESET;
	return marks;
}

/* The marks after a segment with one of the flags that few segments have. */
static PM_INLINE __u8 on_flags(struct pm_flow *flow, const struct packet *packet, __u8 marks)
{
	if (packet->tcp_flags & (TCP_FIN | TCP_RST))
		return marks | end_marks(packet);
	if (packet->direction == PM_OUT && flow->check_after_synack)
		return finish_reopening(flow, marks);
	return marks;
}

/* State from a packet's flags. `established`: this host's socket is, whatever was seen. */
static PM_INLINE void update_marks(struct pm_flow *flow, const struct packet *packet,
				   int established)
{
	__u8 marks = flow->marks, direction = packet->direction;

	if (packet->query.flow.protocol == PM_PROTO_TCP) {
		marks &= ~PM_FLOW_RESET; /* an out-of-window RST shortens, the next segment restores
					  */
		if (established)
			marks = (marks & ~(PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT)) | PM_FLOW_ESTABLISHED;
		if (packet->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST))
			marks = on_flags(flow, packet, marks);
		if (packet->tcp_flags & ~flow->tcp_flags[direction & 1])
			flow->tcp_flags[direction & 1] |= packet->tcp_flags;
	} else if (direction != flow->opener) {
		marks |= PM_FLOW_ANSWERED;
	}
	if (marks != flow->marks)
		flow->marks = marks;
}

/* The opener's first payload of a tcp flow whose row has a check. 0: drop the packet. A fragment
 * always has some: what lies in later ones must not go unseen. */
static PM_INLINE int check_first_payload(void *ctx, __u8 *check, __u32 opener,
					 struct packet *packet, __u32 hook)
{
	if (packet->direction != opener ||
	    (packet->payload_length == 0 && packet->fragment == NOT_FRAGMENT))
		return 1;
	if (!fits(ctx, packet, *check & ~PM_FLOW_CHECK_DROPS, hook)) {
		packet->mismatched = 1;
		if (*check & PM_FLOW_CHECK_DROPS)
			return 0;
	}
	*check = 0;
	return 1;
}

/* What a flow's entry still waits to check, be it expired: a client may say nothing for as long as
 * it likes. A function of its own: verified once. */
__noinline int waiting_check(const struct packet *packet, __u32 opener)
{
	struct pm_flow_key key;
	struct pm_flow *flow;

	if (!packet)
		return 0;
	key = flow_key(&packet->query.flow);
	flow = bpf_map_lookup_elem(&assured, &key);
	if (!flow || flow->opener != opener)
		flow = opener == PM_IN ? bpf_map_lookup_elem(&outside, &key)
				       : bpf_map_lookup_elem(&opening, &key);
	return flow && !flow->moved ? flow->check : 0;
}

#endif
