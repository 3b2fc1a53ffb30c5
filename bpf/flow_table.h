/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The flow tables: finding, opening and promoting flows.
 *
 * Overview. A flow that a row has passed is recorded here. Its later packets pass after one
 * look-up, without being judged, as long as the policy is still the one that passed it. There
 * are three LRU tables, divided by who can fill them:
 *
 *   outside  opened by outsiders. They can fill it with forged sources; then only the flows in
 *            this table suffer.
 *   opening  opened by this host, and not answered yet.
 *   assured  tcp that this host's stack, or its handshake (handshake.h), calls established, and
 *            what this host has opened once it is answered. Whoever fills it has a real address,
 *            and is held back by take_promotion_turn().
 *
 * A flow in `outside` or `opening` is called young. A key names two ends, but not the opener:
 * the same ends may have one entry in `outside` and one in `opening`. `assured` has one entry
 * for both.
 *
 * The life of a flow:
 *
 *   1. Opened. admit.h judges the packet that opens it, and open_flow() inserts a young entry.
 *      A tcp flow without an entry that a socket vouches for is recorded too; it goes to
 *      `assured` at once if the pace permits.
 *   2. Promoted to `assured`: tcp when this host sends and its socket is established, or when its
 *      handshake vouches for it; other protocols when a flow that this host opened is answered.
 *      An inbound udp flow is never promoted: two forged datagrams to a port that answers look
 *      like a conversation. What comes too fast stays young, and works all the same.
 *   3. Ending. An RST or FIN was seen: the entry is marked, and its idle time is shorter
 *      (pm_idle_seconds). Both may be forged, so the flow still lives.
 *   4. Then one of these:
 *        reopened  a SYN begins another connection in the same entry (reopen.h);
 *        over      this host has opened another connection of these ends;
 *        expired   no packet came for its idle time;
 *        cut       a newer policy drops it, see below;
 *        evicted   the LRU table was full. Tcp goes on by the socket table (socket.h).
 *      A dead entry is not deleted: open_flow() writes over it, or the LRU evicts it.
 *
 * Judging anew. An entry has the epoch under which it was last passed. A packet under a newer
 * epoch has its flow judged once more, as its opener's first packet (rejudge):
 *
 *   A row with a date is held against the time at which the flow began (age_of): what began before
 *   goes on.
 *
 *   passed   the entry takes the new row and epoch; its counts and state stay.
 *   dropped  the entry is marked cut and is not live; the packet goes on to admit.h. The entry
 *            stays: a later policy that permits the flow, such as the one before after a
 *            rollback, lets it go on.
 *
 * Who writes what. The programs write, on any CPU and at both hooks. (The loader only removes the
 * flows of an interface's number before it gives that number to another one.)
 *
 *   insert     with BPF_NOEXIST only, in open_flow() and promote().
 *   change     through the entry's pointer. Updating an existing key would take a new node
 *              first, and in a full LRU that evicts a stranger.
 *   counters   by atomic addition.
 *   the rest   by plain stores. A race may lose a mark, but no count and no `moved`: that one
 *              has a byte of its own and is never taken back, except when the whole entry is
 *              opened again.
 *
 * No count is lost by a promotion, because of this order:
 *
 *   1. promote() inserts the assured entry with counts of zero,
 *   2. marks the young one as moved,
 *   3. and drains it: each count is exchanged for 0 and added to the assured entry.
 *
 * A packet that found the young entry meanwhile adds to it first, and then looks at `moved`. If
 * it is set, the packet drains the entry itself; if not, step 3 comes later and takes its count.
 */
#ifndef PM_FLOW_TABLE_H
#define PM_FLOW_TABLE_H

#include "clock.h"
#include "constants.h"
#include "judge.h"
#include "limit.h"
#include "maps.bpf.h"
#include "packet.h"

/* Another CPU may have stamped a flow after this one read the clock: up to so many stamps (over a
 * minute) ahead of `now` count as no idle time. */
#define STAMP_AHEAD 4096

static PM_INLINE int is_expired(const struct pm_flow *flow, __u32 protocol, __u32 now)
{
	__u32 idle = now + STAMP_AHEAD - flow->last;

	if (idle <= STAMP_AHEAD)
		return 0;
	return idle > STAMP_AHEAD + (pm_idle_seconds(flow, protocol) * pm_hz >> PM_STAMP_SHIFT);
}

/* Was the flow last passed under an older epoch than the packet's? The numbers may wrap, so their
 * difference decides; a late packet of the epoch before finds no older flow. */
static PM_INLINE int is_older(const struct pm_flow *flow, const struct query *query)
{
	return (__s32)(flow->epoch - query->sequence) < 0;
}

/* Stamps since the flow of an entry began, as struct query has it. Another CPU may have stamped it
 * after this one read the clock. */
static PM_INLINE __u32 age_of(const struct pm_flow *flow, __u32 now)
{
	__u32 age = now - flow->start;

	if (flow->older)
		return AGE_UNKNOWN;
	return (__s32)age > 0 ? age : 0;
}

/* Judge the flow by the policy in force, and by the shadow policy. 0: it is cut. */
static PM_INLINE int judge_entry(struct pm_flow *flow, struct packet *packet)
{
	struct judgement judged = {};

	judge(&packet->query, &judged);
	if (is_drop(judged.verdict)) {
		flow->marks |= PM_FLOW_CUT;
		return 0;
	}
	flow->row = judged.row.slot;
	flow->shadow = 0;
	if (packet->query.shadow) {
		judge_by_shadow(&packet->query, &judged);
		flow->shadow = pm_reason_of(judged.verdict);
	}
	flow->epoch = packet->query.sequence;
	if (flow->marks & PM_FLOW_CUT)
		flow->marks &= ~PM_FLOW_CUT;
	return 1;
}

/* Judge a flow anew, as its opener's first packet; see above. 0: it is cut. A function of its own:
 * verified once, like judge. */
__noinline int rejudge(struct pm_flow *flow, struct packet *packet)
{
	int stays;

	if (!flow || !packet)
		return 0;
	packet->query.opener = flow->opener;
	packet->query.age = age_of(flow, stamp_now());
	stays = judge_entry(flow, packet);
	packet->query.opener = packet->query.direction;
	packet->query.age = 0;
	return stays;
}

/* Count a packet in its flow. */
static PM_INLINE void add_to_flow(struct pm_flow *flow, const struct packet *packet)
{
	__u32 way = packet->direction & 1;

	__sync_fetch_and_add(&flow->packets[way], packet->segments);
	__sync_fetch_and_add(&flow->bytes[way], packet->bytes);
}

/* An entry that is not expired; nothing is asked of its epoch or marks. */
static PM_INLINE struct pm_flow *find_entry(void *table, const struct pm_flow_key *key, __u32 now)
{
	struct pm_flow *flow = bpf_map_lookup_elem(table, key);

	return flow && !is_expired(flow, key->protocol, now) ? flow : NULL;
}

/* The packet's live flow in a table: not expired, and passed under the packet's epoch. A flow that
 * was passed under an older one is judged anew here. The entry may be marked moved. */
static PM_INLINE struct pm_flow *find_live(void *table, const struct pm_flow_key *key,
					   struct packet *packet, __u32 now)
{
	struct pm_flow *flow = find_entry(table, key, now);

	if (flow && is_older(flow, &packet->query) && !rejudge(flow, packet))
		return NULL;
	return flow;
}

/* A packet's live flow, or null; `young`: 1 if it is in `outside` or `opening`. A flow of an older
 * epoch is judged anew here, and may be cut (rejudge). The gate tells
 * which side may have opened it. The tables are asked in the order that finds a busy flow at once:
 * an inbound udp flow is never assured, all others mostly are. */
static PM_INLINE struct pm_flow *find_flow(struct packet *packet, __u32 now, int *young)
{
	const struct pm_flow_key *key = &packet->query.flow;
	const struct gate *gate = &packet->gate;
	int in = packet->query.direction == PM_IN;
	int opened_outside = in ? gate->own : gate->answer;
	int opened_here = in ? gate->answer : gate->own;
	int assured_first = key->protocol == PM_PROTO_TCP || !opened_outside;
	struct pm_flow *flow = NULL;

	*young = 0;
	if (assured_first) {
		flow = find_live(&assured, key, packet, now);
		if (flow)
			return flow;
	}
	*young = 1;
	if (opened_outside) {
		flow = find_live(&outside, key, packet, now);
		if (flow && !flow->moved)
			return flow;
	}
	if (opened_here && !flow && !assured_first) {
		flow = find_live(&assured, key, packet, now);
		if (flow) {
			*young = 0;
			return flow;
		}
	}
	if (opened_here && !flow)
		flow = find_live(&opening, key, packet, now);
	if (flow && flow->moved) { /* promoted; its assured entry may be gone already */
		*young = 0;
		flow = find_live(&assured, key, packet, now);
	}
	return flow;
}

/* Move a young entry's counts to its assured entry. */
static PM_INLINE void drain(struct pm_flow *young, const struct pm_flow_key *key)
{
	struct pm_flow *flow = bpf_map_lookup_elem(&assured, key);

	if (!flow)
		return;
#pragma unroll
	for (int way = 0; way < 2; way++) {
		__sync_fetch_and_add(&flow->packets[way],
				     __sync_lock_test_and_set(&young->packets[way], 0));
		__sync_fetch_and_add(&flow->bytes[way],
				     __sync_lock_test_and_set(&young->bytes[way], 0));
	}
}

/* Give a young flow an entry in `assured`, and mark it moved. Does nothing if there is no room, or
 * if flows are promoted too fast: the flow stays young. */
static PM_INLINE void move_up(struct pm_flow *young, const struct pm_flow_key *key, __u8 mark)
{
	struct pm_flow flow = {
		.epoch = young->epoch,
		.start = young->start,
		.last = young->last,
		.row = young->row,
		.opener = young->opener,
		.marks = young->marks | mark,
		.tcp_flags = {young->tcp_flags[0], young->tcp_flags[1]},
		.check = young->check,
		.check_after_synack = young->check_after_synack,
		.vouched = young->vouched,
		.older = young->older,
		.shadow = young->shadow,
	};
	struct pm_flow *old = bpf_map_lookup_elem(&assured, key);

	if (old) { /* of another CPU that was faster, of the other opener, or dead */
		if (old->opener != young->opener || old->marks & PM_FLOW_CUT ||
		    is_expired(old, key->protocol, young->last))
			*old = flow;
	} else if (!take_promotion_turn(pm_promotion_index(&flow)) ||
		   (bpf_map_update_elem(&assured, key, &flow, BPF_NOEXIST) &&
		    !bpf_map_lookup_elem(&assured, key))) {
		return;
	}
	*(volatile __u8 *)&young->moved = 1;
	drain(young, key);
}

/* A function of its own: its entry lies on the stack beside the frames of judge(), not below them.
 * The key is copied here and in other functions that are verified by themselves: for them the
 * packet is memory of which Linux 6.1 takes no key. */
__noinline int promote(struct pm_flow *young, const struct packet *packet, __u32 mark)
{
	struct pm_flow_key key;

	if (!young || !packet)
		return 0;
	key = packet->query.flow;
	move_up(young, &key, mark);
	return 0;
}

/* What is known of a flow that is to be recorded, as struct pm_flow has it. */
struct new_flow {
	__u8 opener;
	__u8 marks;
	__u8 check;
	__u8 check_after_synack;
	__u8 vouched;
	__u8 older;
	__u8 assured; /* 1: in `assured`; else it is young */
};

static PM_INLINE int insert_flow(void *table, struct packet *packet, const struct new_flow *is)
{
	const struct pm_flow_key key = packet->query.flow;
	__u32 now = stamp_now(), in = packet->direction == PM_IN;
	struct pm_flow flow = {
		.packets = {in ? packet->segments : 0, in ? 0 : packet->segments},
		.bytes = {in ? packet->bytes : 0, in ? 0 : packet->bytes},
		.tcp_flags = {in ? packet->tcp_flags : 0, in ? 0 : packet->tcp_flags},
		.epoch = packet->query.sequence,
		.start = now,
		.last = now,
		.row = packet->judged.row.slot,
		.opener = is->opener,
		.marks = is->marks,
		.check = is->check,
		.check_after_synack = is->check_after_synack,
		.vouched = is->vouched,
		.older = is->older,
		.shadow = packet->shadow,
	};
	struct pm_flow *old;

	packet->opened = 1;
	if (!bpf_map_update_elem(table, &key, &flow, BPF_NOEXIST)) {
		/* A full LRU first evicts entries that were never looked up. What this host sends
		 * and waits to be answered would go before all others: so look it up. */
		if (packet->direction == PM_OUT)
			bpf_map_lookup_elem(table, &key);
		return 1;
	}
	old = bpf_map_lookup_elem(table, &key);
	if (!old)
		return 0;
	/* Write over an entry that is dead or was promoted, or, in `assured`, that is of the other
	 * opener: the flow in hand is the one that lives. */
	if (old->moved || old->opener != is->opener || is_expired(old, key.protocol, now)) {
		*old = flow;
	} else { /* another CPU was faster */
		packet->opened = 0;
		add_to_flow(old, packet);
	}
	return 1;
}

/* Record the flow that a packet opens, or that a socket vouches for. 0: there was no room. A
 * function of its own, as promote. */
__noinline int open_flow(struct packet *packet, const struct new_flow *is)
{
	if (!packet || !is)
		return 0;
	if (is->assured)
		return insert_flow(&assured, packet, is);
	return is->opener == PM_IN ? insert_flow(&outside, packet, is)
				   : insert_flow(&opening, packet, is);
}

#endif
