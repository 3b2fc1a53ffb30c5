/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The flow tables: what was passed once, passes again while its epoch is the packet's.
 *
 *   outside  opened by outsiders; they can fill it, so only it suffers; inserted by XDP
 *   opening  opened by this host and not answered yet; inserted by TC
 *   assured  tcp that this host's stack calls established, and what this host opened once it
 *            is answered: who fills it has a real address, and is held back (take_promotion_turn)
 *
 * A young flow (outside, opening) is promoted without losing a count: the assured entry starts
 * at zero, the young one is marked moved, and whoever adds to a young entry looks at the mark
 * afterwards and drains it by exchange. Entries are changed through their pointer only: updating
 * an existing key of a full LRU evicts strangers.
 */
#ifndef PM_FLOW_TABLE_H
#define PM_FLOW_TABLE_H

#include "clock.h"
#include "constants.h"
#include "judge.h"
#include "limit.h"
#include "maps.bpf.h"
#include "packet.h"

static PM_INLINE struct pm_flow_key flow_key(const struct pm_tuple *tuple)
{
	struct pm_flow_key key = {
		.local = tuple->local,
		.remote = tuple->remote,
		.local_port = tuple->local_port,
		.remote_port = tuple->remote_port,
		.protocol = tuple->protocol,
		.interface = pm_interface,
	};
	return key;
}

/* A minute and more: another CPU may have stamped a flow since we read the clock. */
#define STAMP_AHEAD 4096

static PM_INLINE int is_expired(const struct pm_flow *flow, __u32 protocol, __u32 now)
{
	__u32 idle = now + STAMP_AHEAD - flow->last;

	if (idle <= STAMP_AHEAD)
		return 0;
	return idle > STAMP_AHEAD + (pm_idle_seconds(flow, protocol) * pm_hz >> PM_STAMP_SHIFT);
}

/* Is what the flow was passed under older than the packet's epoch? Serial: a late packet of the
 * epoch before must not count as newer. */
static PM_INLINE int is_older(const struct pm_flow *flow, const struct query *query)
{
	return (__s32)(flow->epoch - query->sequence) < 0;
}

/* Judge a flow anew, in its opener's orientation. 0: it is cut, and no live flow any more; but
 * a later policy may let it go on. Verified once, like judge. */
__noinline int rejudge(struct pm_flow *flow, struct packet *packet)
{
	struct answer answer = {};

	if (!flow || !packet)
		return 0;
	packet->query.flow.opener = flow->opener;
	judge(&packet->query, &answer);
	packet->query.flow.opener = packet->query.direction;
	if (is_drop(answer.verdict)) {
		flow->marks |= PM_FLOW_CUT;
		return 0;
	}
	flow->row = answer.row.slot;
	flow->shadow = 0;
	if (packet->query.shadow) {
		packet->query.flow.opener = flow->opener;
		judge_by_shadow(&packet->query, &answer);
		flow->shadow = pm_reason_of(answer.verdict);
		packet->query.flow.opener = packet->query.direction;
	}
	flow->epoch = packet->query.sequence;
	if (flow->marks & PM_FLOW_CUT)
		flow->marks &= ~PM_FLOW_CUT;
	return 1;
}

static PM_INLINE void add_to_flow(struct pm_flow *flow, const struct packet *packet)
{
	__u32 way = packet->direction & 1;

	__sync_fetch_and_add(&flow->packets[way], packet->segments);
	__sync_fetch_and_add(&flow->bytes[way], packet->bytes);
}

static PM_INLINE struct pm_flow *find_entry(void *table, const struct pm_flow_key *key, __u32 now)
{
	struct pm_flow *flow = bpf_map_lookup_elem(table, key);

	return flow && !is_expired(flow, key->protocol, now) ? flow : NULL;
}

/* The packet's live flow in a table: not expired, and passed under the packet's epoch. */
static PM_INLINE struct pm_flow *find_live(void *table, const struct pm_flow_key *key,
					   struct packet *packet, __u32 now)
{
	struct pm_flow *flow = find_entry(table, key, now);

	if (flow && is_older(flow, &packet->query) && !rejudge(flow, packet))
		return NULL;
	return flow;
}

/* Where a packet's flow may be, in the order that finds it with one look-up when hot. */
static PM_INLINE struct pm_flow *find_flow(const struct pm_flow_key *key, const struct gate *gate,
					   struct packet *packet, __u32 now, int *young)
{
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
	if (flow && flow->moved) { /* promoted since we looked, or its assured entry is gone */
		*young = 0;
		flow = find_live(&assured, key, packet, now);
	}
	return flow;
}

/* Hand a young entry's counts over to its assured one. */
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

static PM_INLINE void promote(struct pm_flow *young, const struct pm_flow_key *key, __u8 mark)
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
		.shadow = young->shadow,
	};
	struct pm_flow *old = bpf_map_lookup_elem(&assured, key);

	if (old) { /* another CPU was faster, or it is the other opener's, or dead */
		if (old->opener != young->opener || old->marks & PM_FLOW_CUT ||
		    is_expired(old, key->protocol, young->last))
			*old = flow;
	} else if (!take_promotion_turn(flow.opener) ||
		   (bpf_map_update_elem(&assured, key, &flow, BPF_NOEXIST) &&
		    !bpf_map_lookup_elem(&assured, key))) {
		return; /* not now, or no room: it stays young */
	}
	*(volatile __u8 *)&young->moved = 1;
	drain(young, key);
}

/* Record the flow that a packet opens, or that a socket vouches for. 0: there was no room. */
static PM_INLINE int open_flow(void *table, struct packet *packet, __u32 opener,
			       const struct answer *answer, __u8 marks, __u8 check,
			       __u8 check_after_synack)
{
	struct pm_flow_key key = flow_key(&packet->query.flow);
	__u32 now = stamp_now(), in = packet->direction == PM_IN;
	struct pm_flow flow = {
		.packets = {in ? packet->segments : 0, in ? 0 : packet->segments},
		.bytes = {in ? packet->bytes : 0, in ? 0 : packet->bytes},
		.tcp_flags = {in ? packet->tcp_flags : 0, in ? 0 : packet->tcp_flags},
		.epoch = packet->query.sequence,
		.start = now,
		.last = now,
		.row = answer->row.slot,
		.opener = opener,
		.marks = marks,
		.check = check,
		.check_after_synack = check_after_synack,
		.shadow = packet->shadow,
	};
	struct pm_flow *old;

	packet->opened = 1;
	if (!bpf_map_update_elem(table, &key, &flow, BPF_NOEXIST)) {
		/* A full LRU evicts what was never looked up before anything else: what waits for
		 * its answer would go first. Look it up. */
		if (packet->direction == PM_OUT)
			bpf_map_lookup_elem(table, &key);
		return 1;
	}
	old = bpf_map_lookup_elem(table, &key);
	if (!old)
		return 0;
	/* Of the other opener: `assured` has one entry for both, and this one goes on. */
	if (old->moved || old->opener != opener || is_expired(old, key.protocol, now)) {
		*old = flow;
	} else { /* another CPU was faster */
		packet->opened = 0;
		add_to_flow(old, packet);
	}
	return 1;
}

#endif
