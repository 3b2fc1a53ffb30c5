/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reopening: a SYN whose flow has a live entry, because a connection of the same ends is or was
 * there. Is it a new connection, or a repeated or forged SYN? The rule, all of it:
 *
 *   1. A SYN that no row permits is dropped before any entry is asked (admit.h).
 *   2. A permitted SYN opens another connection (may_reopen) if
 *        a. an RST or FIN was seen, from whomever and whatever came after it; or
 *        b. it comes in, and the entry is established, but this host has no such socket any
 *           more. The socket is only looked for if the row has a limit or a check: nothing else
 *           depends on the answer. (A guest's connection has no socket here: each SYN is charged);
 * or c. this host sends it, and it was a peer who had opened the flow. Any other SYN is counted in
 * the entry and changes nothing else.
 *   3. Another connection is charged to the row's limit, and its first payload is held to the
 *      row's check (admit.h).
 *   4. A SYN of this host reopens the entry at once: its stack knows of no such connection. Any
 *      flow of these ends that a peer had opened is over (end_inbound_flow): the peer's answers
 *      must not be held to the check of what the peer once began.
 *   5. A SYN of a peer may be forged, and so may the RST or FIN before it, while the connection
 *      lives. So it only leaves its check in the entry (check_after_synack).
 *   6. This host's SYN-ACK proves that the connection is new: to a SYN on a live one its stack
 *      answers with a challenge ACK (RFC 5961). Then the check is in force, and the marks of the
 *      old ending go (finish_reopening). A peer's segment with the SYN cookie of a listener proves
 *      it too: it begins a connection without a SYN, as often as it comes. It is held to 1, 2a, 3
 *      and 8, and its check is in force at once.
 *   7. A peer's SYN to a row with a check that finds no entry, but a live socket, is held to
 *      5 and 6 as well: the new entry goes on with the check of the old one (admit.h).
 *   8. `assured` has one entry for both openers. If the opener changes, the entry takes the new
 *      opener, row, beginning and shadow verdict, and the old check ends.
 *   9. Otherwise the beginning of the entry stays, which the exporter knows a flow by. So where it
 *      is judged anew (flow_table.h), a row whose date was not past yet at that beginning permits
 *      the later connection too. Its SYN had to find another row.
 */
#ifndef PM_REOPEN_H
#define PM_REOPEN_H

#include "flow_table.h"
#include "socket.h"

/* Does a SYN open another connection? Rule 2. */
static PM_INLINE int may_reopen(void *ctx, const struct pm_flow *flow, const struct packet *packet,
				const struct pm_row *row, __u32 hook)
{
	if (flow->marks & PM_FLOW_ENDING)
		return 1;
	if (hook == PM_OUT)
		return flow->opener == PM_IN;
	return (flow->marks & PM_FLOW_ESTABLISHED) && (row->limit_interval || row->check) &&
	       !is_of_connection(find_socket_xdp(ctx, packet));
}

/* Rules 4, 5, 6 and 8. */
static PM_INLINE void reopen_flow(struct pm_flow *flow, const struct packet *packet, __u16 slot,
				  __u8 check)
{
	int is_proved = packet->direction == PM_OUT || !is_syn(packet);

	if (flow->opener != packet->direction) {
		flow->opener = packet->direction;
		flow->row = slot;
		flow->start = stamp_now();
		flow->shadow = packet->shadow;
		flow->check = 0;
	}
	flow->older = 0;
	flow->last = stamp_now();
	flow->check_after_synack = is_proved ? 0 : check | PM_FLOW_CHECK_AFTER_SYNACK;
	if (is_proved) {
		flow->check = check;
		flow->marks &= ~PM_FLOW_ENDING;
	}
}

/* Count the SYN in its flow, and drain the entry if it was promoted meanwhile (flow_table.h). */
static PM_INLINE void count_syn(struct pm_flow *flow, int young, const struct packet *packet)
{
	const struct pm_flow_key *key = &packet->query.flow;

	add_to_flow(flow, packet);
	if (young && *(volatile __u8 *)&flow->moved)
		drain(flow, key);
}

/* Rule 4: end what a peer opened in `outside`; what is in `assured` changes its opener. */
static PM_INLINE void end_inbound_flow(const struct packet *packet)
{
	const struct pm_flow_key *key = &packet->query.flow;
	struct pm_flow *flow = bpf_map_lookup_elem(&outside, key);

	if (!flow)
		return;
	flow->check = 0;
	flow->marks |= PM_FLOW_OVER;
	if (flow->last == stamp_now())
		flow->last--; /* is_expired: a flow stamped just now is not */
}

/* Rule 6. Returns the new marks. */
static PM_INLINE __u8 finish_reopening(struct pm_flow *flow, __u8 marks)
{
	flow->check = flow->check_after_synack & ~PM_FLOW_CHECK_AFTER_SYNACK;
	flow->check_after_synack = 0;
	return marks & ~PM_FLOW_ENDING;
}

#endif
