/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How many flows may be opened, and how many promoted. Two bounds of one kind:
 *
 *   - A row's limit of new flows, for each peer (IPv6: each /64) on each interface, or for the
 *     row as a whole. Only a packet that opens a flow is charged. A failsafe row has no limit:
 *     whoever reads the policy refuses one. The schedules of peers are in an LRU table, which a
 *     flood of forged peers fills: a peer whose schedule it pushes out has its burst anew. That
 *     of a row stays.
 *   - The pace at which flows enter the table `assured`, for each opener, and apart for those
 *     that a handshake vouches for (flow_table.h).
 *
 * Both are the generic cell rate algorithm (ITU-T I.371). It keeps one number: the time at which
 * the next flow is on schedule. A flow may come up to burst - 1 intervals before that time, and
 * moves the schedule on by one interval. So a bucket needs 8 bytes, no timer and no refill.
 */
#ifndef PM_LIMIT_H
#define PM_LIMIT_H

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

#define LIMIT_TRIES 8 /* races that may be lost to other CPUs; then the flow is over the limit */

#define NS_PER_US 1000

/* The schedule that a new flow is charged to. */
static PM_INLINE __u64 *schedule_of(const struct packet *packet)
{
	const struct pm_row *row = &packet->judged.row;
	struct pm_limit_key key = {
		.peer = packet->query.flow.remote,
		.row = row->slot,
		.interface = pm_interface,
	};
	__u32 slot = row->slot;
	__u64 at_once = 0;

	if (row->flags & PM_ROW_LIMIT_ROW)
		return bpf_map_lookup_elem(&row_limits, &slot);
	if (!pm_is_v4(&key.peer))
		key.peer.low = 0;
	bpf_map_update_elem(&limits, &key, &at_once, BPF_NOEXIST);
	return bpf_map_lookup_elem(&limits, &key);
}

/* 1: the turn was taken: it was at most `early` before its schedule, which is now `interval` later.
 * 0: it is too early; nothing has changed. */
static PM_INLINE int take_turn(__u64 *scheduled, __u64 now, __u64 interval, __u64 early)
{
	for (int i = 0; i < LIMIT_TRIES; i++) {
		__u64 old = *(volatile __u64 *)scheduled, start = old > now ? old : now;

		if (start - now > early)
			return 0;
		if (__sync_val_compare_and_swap(scheduled, old, start + interval) == old)
			return 1;
	}
	return 0;
}

/* Charge a new flow to its row's limit. 0: it is over the limit. A function of its own, to keep the
 * stack small. */
__noinline int charge_limit(const struct packet *packet)
{
	__u64 interval, *scheduled;
	const struct pm_row *row;

	if (!packet)
		return 0;
	row = &packet->judged.row;
	interval = (__u64)row->limit_interval * NS_PER_US;
	scheduled = schedule_of(packet);
	return scheduled && take_turn(scheduled, bpf_ktime_get_ns(), interval,
				      interval * (row->limit_burst - 1));
}

/* Take a turn to enter `assured`. 0: flows of this kind (pm_promotion_index) enter too fast. Real
 * handshakes, or answered datagrams, may come without end. In 30 s those of a kind may take 3/16 of
 * the table, so that a flow which was used in that time is never the oldest, which the LRU evicts.
 * A function of its own: verified once. */
__noinline int take_promotion_turn(__u32 index)
{
	__u64 *scheduled = bpf_map_lookup_elem(&promotions, &index);

	return scheduled &&
	       take_turn(scheduled, bpf_jiffies64() << PM_PACE_SHIFT, pm_promotion_pace,
			 (__u64)PM_PROMOTION_BURST * pm_hz << PM_PACE_SHIFT);
}

#endif
