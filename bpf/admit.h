/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Admission: the stage of a packet without a live flow, and of every SYN. It is judged, and if a
 * row permits it, it
 *
 *   - opens a flow, within the row's limit and with the payload that the row demands; or
 *   - is a tcp segment of a connection that one of this host's sockets vouches for (socket.h).
 *
 * Everything else is dropped. docs/design.md, "Directions and orientation", has the rules in words.
 */
#ifndef PM_ADMIT_H
#define PM_ADMIT_H

#include "flow_state.h"
#include "flow_table.h"
#include "judge.h"
#include "limit.h"
#include "payload.h"
#include "reopen.h"
#include "route.h"
#include "socket.h"

/* A row's check of the first payload, as struct pm_flow has it in `check`. */
static PM_INLINE __u8 row_check(const struct pm_row *row)
{
	if (!row->check)
		return 0;
	return row->check | (row->flags & PM_ROW_CHECK_DROPS ? PM_FLOW_CHECK_DROPS : 0);
}

/* A permitted packet that can open a flow. A tcp flow's first payload mostly comes after the SYN:
 * then its entry waits for it. */
static PM_INLINE __u32 admit_opener(void *ctx, struct packet *packet, const struct gate *gate,
				    const struct judgement *judged, __u32 hook)
{
	const struct pm_row *row = &judged->row;
	__u8 check = row_check(row);
	struct pm_flow *flow = NULL;
	int young = 0, begins = 1;
	__u8 check_after_synack = 0;

	if (is_syn(packet))
		flow = find_syn_flow(packet, gate, &young);
	if (flow)
		begins = may_reopen(ctx, flow, packet, row, hook);
	if (row->limit_interval && begins && !charge_limit(packet, row))
		return drop_of(PM_DROP_RATE_LIMITED, row->slot);
	if (check && (!is_syn(packet) || packet->payload_length)) {
		if (!fits(ctx, packet, row->check, hook)) {
			packet->mismatched = 1;
			if (check & PM_FLOW_CHECK_DROPS)
				return drop_of(PM_DROP_PAYLOAD_MISMATCH, row->slot);
		}
		check = 0;
	}
	if (hook == PM_OUT && is_syn(packet))
		end_inbound_flow(packet);
	if (flow) {
		if (begins)
			reopen_flow(flow, packet, row->slot, check);
		count_syn(flow, young, packet);
		return pass(row->slot);
	}
	if (is_multicast_flow(packet))
		return pass(row->slot);
	/* A SYN of a connection that lives, but has lost its entry: rule 7 of reopen.h. */
	if (hook == PM_IN && check && is_syn(packet) &&
	    find_socket_xdp(ctx, packet) == LIVE_SOCKET) {
		check_after_synack = check | PM_FLOW_CHECK_AFTER_SYNACK;
		check = waiting_check(packet, PM_IN);
	}
	if (!open_flow(hook == PM_IN ? (void *)&outside : (void *)&opening, packet, hook, judged, 0,
		       check, check_after_synack))
		return drop_of(PM_DROP_FLOW_TABLE_FULL, row->slot);
	return pass(row->slot);
}

/* Record a flow that a socket vouches for; its entry is gone or expired. If the socket is half
 * open, the packet completes the handshake: it gets an entry only if it brings the first payload,
 * which is checked. 0: drop the packet, its payload is not what the row demands. */
static PM_INLINE int record_flow(void *ctx, struct packet *packet, __u32 opener,
				 const struct judgement *judged, int half_open, __u32 hook)
{
	__u8 waits = half_open ? row_check(&judged->row) : waiting_check(packet, opener);
	__u8 check = waits;

	if (check && !check_first_payload(ctx, &check, opener, packet, hook))
		return 0;
	if (half_open && check == waits)
		return 1;
	open_flow(!half_open && take_promotion_turn(opener) ? (void *)&assured
		  : opener == PM_IN                         ? (void *)&outside
							    : (void *)&opening,
		  packet, opener, judged, half_open ? 0 : PM_FLOW_ESTABLISHED | end_marks(packet),
		  check, 0);
	return 1;
}

/* `sender`: what the socket that sends the packet says (hook out only). */
static PM_INLINE __u32 admit(void *ctx, struct packet *packet, struct gate *gate,
			     enum sender_state sender, __u32 hook)
{
	struct judgement judged = {};
	__u32 opener = hook;
	int socket, half_open;

	if (gate->needs_source_port)
		look_up_pairs(packet, gate);
	if (is_syn(packet)) /* it is no answer; and one call less matters in a SYN flood */
		judge(&packet->query, &judged);
	else
		opener = judge_both_ways(packet, gate, &judged);
	if (is_drop(judged.verdict))
		return judged.verdict;
	if (packet->query.shadow) {
		packet->query.flow.opener = opener;
		packet->shadow = pm_reason_of(shadow_verdict(packet));
	}
	if (opener == packet->direction && can_open(packet)) {
		if (hook == PM_IN && is_routed(ctx, packet))
			return drop_of(PM_DROP_FORWARDED, judged.row.slot);
		return admit_opener(ctx, packet, gate, &judged, hook);
	}
	/* There is no flow to a group, so a later fragment has none to find. That it has ports
	 * shows that its first fragment passed. */
	if (packet->fragment == LATER_FRAGMENT && opener == packet->direction &&
	    is_multicast_flow(packet))
		return pass(judged.row.slot);
	if (packet->query.flow.protocol != PM_PROTO_TCP)
		return drop_of(PM_DROP_NOT_FIRST_PACKET, judged.row.slot);
	socket = sender == ESTABLISHED_SENDER ? LIVE_SOCKET
		 : hook == PM_IN              ? find_socket_xdp(ctx, packet)
					      : find_socket_skb(ctx, packet);
	if (socket == NO_SOCKET && sender != ABORTING_SENDER)
		return drop_of(PM_DROP_NOT_FIRST_PACKET, judged.row.slot);
	half_open = hook == PM_IN && opener == PM_IN && socket == HALF_OPEN_SOCKET;
	if ((half_open || socket == LIVE_SOCKET) &&
	    !record_flow(ctx, packet, opener, &judged, half_open, hook))
		return drop_of(PM_DROP_PAYLOAD_MISMATCH, judged.row.slot);
	return pass(judged.row.slot);
}

#endif
