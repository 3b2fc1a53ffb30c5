/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Admission: the stage of a packet without a live flow, and of every SYN. It is judged, and if a
 * row permits it, it
 *
 *   - opens a flow, within the row's limit and with the payload that the row demands; a tcp
 *     connection begins with a SYN, or with the ACK that has a SYN cookie; or
 *   - is a tcp segment of a connection that one of this host's sockets vouches for (socket.h); or
 *   - is of a connection that this host has forgotten (admit_forgotten).
 *
 * Everything else is dropped. docs/design.md, "Directions and orientation", has the rules in words.
 */
#ifndef PM_ADMIT_H
#define PM_ADMIT_H

#include "flow_state.h"
#include "flow_table.h"
#include "handshake.h"
#include "judge.h"
#include "limit.h"
#include "pace.h"
#include "payload.h"
#include "place.h"
#include "reopen.h"
#include "socket.h"

/* A row's check of the first payload, as struct pm_flow has it in `check`. */
static PM_INLINE __u8 row_check(const struct pm_row *row)
{
	if (!row->check)
		return 0;
	return row->check | (row->flags & PM_ROW_CHECK_DROPS ? PM_FLOW_CHECK_DROPS : 0);
}

/* A permitted packet that can open a flow, or has a SYN cookie. The first payload of a connection
 * mostly comes later: then its entry waits for it. */
static PM_INLINE __u32 admit_opener(void *ctx, struct packet *packet, __u32 hook)
{
	const struct pm_row *row = &packet->judged.row;
	__u8 check = row_check(row);
	struct pm_flow *flow = NULL;
	int young = 0, begins = 1;
	struct new_flow is = {.opener = hook};

	if (packet->query.flow.protocol == PM_PROTO_TCP)
		flow = find_flow(packet, stamp_now(), &young);
	if (flow)
		begins = may_reopen(ctx, flow, packet, row, hook);
	if (row->limit_interval && begins && !charge_limit(packet))
		return drop_of(PM_DROP_RATE_LIMITED, row->slot);
	if (check && (packet->query.flow.protocol != PM_PROTO_TCP || has_payload(packet))) {
		if (!fits(ctx, packet, row->check, hook)) {
			packet->mismatched = 1;
			if (check & PM_FLOW_CHECK_DROPS)
				return drop_of(PM_DROP_PAYLOAD_MISMATCH, row->slot);
		}
		check = 0;
	}
	if (hook == PM_OUT && is_syn(packet)) {
		end_inbound_flow(packet);
		if (packet->sender == OTHER_SENDER)
			is.vouched = await_handshake(ctx, packet);
	}
	if (flow) {
		if (begins)
			reopen_flow(flow, packet, row->slot, check);
		if (is.vouched)
			flow->vouched = is.vouched;
		count_syn(flow, young, packet);
		return pass(row->slot);
	}
	if (is_multicast_flow(packet))
		return pass(row->slot);
	/* A SYN of a connection that lives, but has lost its entry: rule 7 of reopen.h. */
	if (hook == PM_IN && check && is_syn(packet) &&
	    find_socket_xdp(ctx, packet) == LIVE_SOCKET) {
		is.check_after_synack = check | PM_FLOW_CHECK_AFTER_SYNACK;
		check = waiting_check(packet, PM_IN);
	}
	is.check = check;
	if (!open_flow(packet, &is))
		return drop_of(PM_DROP_FLOW_TABLE_FULL, row->slot);
	return pass(row->slot);
}

/* Record a flow that a socket vouches for; its entry is gone or expired. If the socket is half
 * open, the packet completes the handshake, and the entry waits for the first payload. 0: drop the
 * packet, its payload is not what the row demands. */
static PM_INLINE int record_flow(void *ctx, struct packet *packet, __u32 opener, int half_open,
				 __u32 hook)
{
	struct new_flow is = {.opener = opener, .older = 1};

	is.check = half_open ? row_check(&packet->judged.row) : waiting_check(packet, opener);
	if (is.check && !check_first_payload(ctx, &is.check, opener, packet, hook))
		return 0;
	if (!half_open) {
		is.marks = PM_FLOW_ESTABLISHED | end_marks(packet);
		is.assured = take_promotion_turn(opener & 1);
	}
	open_flow(packet, &is);
	return 1;
}

/* The verdict of the shadow policy, if there is one, on a packet that is judged as `opener`'s. */
static PM_INLINE void ask_shadow(struct packet *packet, __u32 opener)
{
	packet->query.opener = opener;
	if (packet->query.shadow)
		packet->shadow = pm_reason_of(shadow_verdict(packet));
}

/* A segment for which there is only a listener: of a connection that this host has forgotten, as
 * after a reboot. The listener answers it with an RST, which passes too: so the peer learns at once
 * that it is over, and a scanner no more than by a SYN. Both pass at a pace. The RST may have been
 * judged as if this host had opened the flow, where a row has the peer's port too. */
static PM_INLINE __u32 admit_forgotten(void *ctx, struct packet *packet, __u32 opener, __u32 hook)
{
	const struct judgement *judged = &packet->judged;
	__u32 refused = drop_of(PM_DROP_NOT_FIRST_PACKET, judged->row.slot);
	int is_rst = packet->tcp_flags & TCP_RST;

	if (packet->fragment != NOT_FRAGMENT || packet->tcp_flags & TCP_SYN)
		return refused;
	if (hook == PM_IN ? is_rst : !is_rst)
		return refused;
	if (opener == PM_OUT) {
		packet->query.opener = PM_IN;
		judge(&packet->query, &packet->judged);
		ask_shadow(packet, PM_IN);
	}
	if (is_drop(judged->verdict) || !is_within_pace(PM_PACE_FORGOTTEN, hook))
		return refused;
	if (hook == PM_IN && is_foreign(ctx, packet))
		return drop_of(PM_DROP_FORWARDED, judged->row.slot);
	return pass(judged->row.slot);
}

/* The age of the flow that `opener` opened; unknown if it has no entry. Whether the entry is
 * expired or cut does not matter. A function of its own: verified once. */
__noinline int age_of_flow(const struct packet *packet, __u32 opener)
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
	if (!flow || flow->moved || flow->marks & PM_FLOW_OVER)
		return (int)AGE_UNKNOWN;
	return (int)age_of(flow, stamp_now());
}

/* Judge a segment of tcp that no row permits any more, as one of a connection that may have begun
 * before the date of a row was past. Only a socket of this host can say that there is such a
 * connection. Returns the opener that packet->judged is about; the query keeps the age. A function
 * of its own: verified once. */
__noinline int judge_as_begun(struct packet *packet)
{
	__u32 opener;

	if (!packet)
		return 0;
	opener = packet->gate.own ? packet->query.direction : !packet->query.direction;
	packet->query.opener = opener;
	packet->query.age = age_of_flow(packet, opener);
	judge(&packet->query, &packet->judged);
	if (is_drop(packet->judged.verdict) && packet->gate.own && packet->gate.answer) {
		opener = !packet->query.direction;
		packet->query.opener = opener;
		packet->query.age = age_of_flow(packet, opener);
		judge(&packet->query, &packet->judged);
	}
	return opener;
}

static PM_INLINE __u32 admit(void *ctx, struct packet *packet, __u32 hook)
{
	const struct judgement *judged = &packet->judged;
	__u32 opener = hook, refused = UNDECIDED;
	int socket = NO_SOCKET, opens, half_open;

	if (packet->gate.needs_source_port)
		look_up_pairs(packet);
	if (is_syn(packet)) /* it is no answer; and one call less matters in a SYN flood */
		judge(&packet->query, &packet->judged);
	else
		opener = judge_both_ways(packet);
	if (is_drop(judged->verdict) && !is_syn(packet) &&
	    packet->query.flow.protocol == PM_PROTO_TCP && has_dates(&packet->query)) {
		refused = judged->verdict;
		opener = judge_as_begun(packet);
	}
	if (is_drop(judged->verdict))
		return refused != UNDECIDED ? refused : judged->verdict;
	ask_shadow(packet, opener);
	/* There is no flow to a group, so a later fragment has none to find. That it has ports
	 * shows that its first fragment passed. */
	if (packet->fragment == LATER_FRAGMENT && opener == packet->direction &&
	    is_multicast_flow(packet))
		return pass(judged->row.slot);
	opens = opener == packet->direction && can_open(packet);
	if (!opens && packet->query.flow.protocol == PM_PROTO_TCP)
		socket = packet->sender == ESTABLISHED_SENDER ? LIVE_SOCKET
			 : hook == PM_IN                      ? find_socket_xdp(ctx, packet)
							      : find_socket_skb(ctx, packet);
	if (refused != UNDECIDED && !is_of_connection(socket) && packet->sender != ABORTING_SENDER)
		return refused;
	if (opens || (socket == COOKIE_SOCKET && opener == PM_IN)) {
		if (hook == PM_IN && is_foreign(ctx, packet))
			return drop_of(PM_DROP_FORWARDED, judged->row.slot);
		return admit_opener(ctx, packet, hook);
	}
	if (socket == LISTENING_SOCKET && packet->sender != ABORTING_SENDER)
		return admit_forgotten(ctx, packet, opener, hook);
	if (!is_of_connection(socket) && packet->sender != ABORTING_SENDER)
		return drop_of(PM_DROP_NOT_FIRST_PACKET, judged->row.slot);
	half_open = hook == PM_IN && opener == PM_IN && socket == HALF_OPEN_SOCKET;
	if ((half_open || socket == LIVE_SOCKET) &&
	    !record_flow(ctx, packet, opener, half_open, hook))
		return drop_of(PM_DROP_PAYLOAD_MISMATCH, judged->row.slot);
	return pass(judged->row.slot);
}

#endif
