/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the packets of a live flow change in its entry: the marks of its state, and the check of
 * its first payload.
 *
 * A mark says what was seen, not what is true: an RST or FIN may be forged. So marks only choose
 * the idle time (pm_idle_seconds) and whether a SYN may open another connection (reopen.h).
 */
#ifndef PM_FLOW_STATE_H
#define PM_FLOW_STATE_H

#include "flow_table.h"
#include "packet.h"
#include "payload.h"
#include "reopen.h"

/* The marks of a segment's RST or FIN. */
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

/* The new marks, after a segment with SYN, FIN or RST. Apart from update_marks, because few
 * segments have these flags. */
static PM_INLINE __u8 marks_after_flags(struct pm_flow *flow, const struct packet *packet,
					__u8 marks)
{
	if (packet->tcp_flags & (TCP_FIN | TCP_RST))
		return marks | end_marks(packet);
	if (packet->direction == PM_OUT && flow->check_after_synack)
		return finish_reopening(flow, marks);
	return marks;
}

/* Update a flow's marks from a packet. `established`: this host's socket says so; then a FIN that
 * was seen before was forged, or of the connection before. */
static PM_INLINE void update_marks(struct pm_flow *flow, const struct packet *packet,
				   int established)
{
	__u8 marks = flow->marks, direction = packet->direction;

	if (packet->query.flow.protocol == PM_PROTO_TCP) {
		marks &= ~PM_FLOW_RESET; /* an RST that the stack ignored: the flow goes on */
		if (established)
			marks = (marks & ~(PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT)) | PM_FLOW_ESTABLISHED;
		if (packet->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST))
			marks = marks_after_flags(flow, packet, marks);
		if (packet->tcp_flags & ~flow->tcp_flags[direction & 1])
			flow->tcp_flags[direction & 1] |= packet->tcp_flags;
	} else if (direction != flow->opener) {
		marks |= PM_FLOW_ANSWERED;
	}
	if (marks != flow->marks)
		flow->marks = marks;
}

/* Does the packet bring payload? A fragment counts as one that does: what lies in later fragments
 * must not go unseen. */
static PM_INLINE int has_payload(const struct packet *packet)
{
	return packet->payload_length || packet->fragment != NOT_FRAGMENT;
}

/* Check the first payload of a flow's opener; packets without payload and those of the other side
 * are not asked. `check` becomes 0 once it is done. 0: drop the packet. */
static PM_INLINE int check_first_payload(void *ctx, __u8 *check, __u32 opener,
					 struct packet *packet, __u32 hook)
{
	if (packet->direction != opener || !has_payload(packet))
		return 1;
	if (!fits(ctx, packet, *check & ~PM_FLOW_CHECK_DROPS, hook)) {
		packet->mismatched = 1;
		if (*check & PM_FLOW_CHECK_DROPS)
			return 0;
	}
	*check = 0;
	return 1;
}

/* The check that an entry still waits to make, even if it is expired: a client that says nothing
 * for a long time must not escape the check. A function of its own: verified once. */
__noinline int waiting_check(const struct packet *packet, __u32 opener)
{
	struct pm_flow_key key;
	struct pm_flow *flow;

	if (!packet)
		return 0;
	key = packet->query.flow;
	flow = bpf_map_lookup_elem(&assured, &key);
	if (!flow || flow->opener != opener)
		flow = opener == PM_IN ? bpf_map_lookup_elem(&outside, &key)
				       : bpf_map_lookup_elem(&opening, &key);
	return flow && !flow->moved ? flow->check : 0;
}

#endif
