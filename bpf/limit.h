/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A row's limit of new flows, for each peer (IPv6: each /64) or for the row as a whole. Only
 * what opens a flow is asked; a live flow and a failsafe row never are. And how fast the table of
 * assured flows may take new ones.
 *
 * The generic cell rate algorithm (ITU-T I.371): one number, the time at which the next flow
 * would be on schedule; a flow may be early by burst - 1 intervals.
 */
#ifndef PM_LIMIT_H
#define PM_LIMIT_H

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

#define LIMIT_TRIES 8 /* lost races with other CPUs, then the flow counts as over the limit */

static PM_INLINE struct pm_limit_key limit_key(const struct packet *packet,
					       const struct pm_row *row)
{
	struct pm_limit_key key = {.row = row->slot, .interface = pm_interface};

	if (row->flags & PM_ROW_LIMIT_ROW)
		return key;
	key.peer = packet->query.flow.remote;
	if (!pm_is_v4(&key.peer))
		key.peer.low = 0;
	return key;
}

/* 1: at most `early` before its schedule, and the schedule was moved on by `interval`. */
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

/* 1: the flow is within the limit, and was charged. */
static PM_INLINE int charge_limit(const struct packet *packet, const struct pm_row *row)
{
	__u64 interval = (__u64)row->limit_interval * 1000, now = bpf_ktime_get_ns(), due;
	struct pm_limit_key key = limit_key(packet, row);
	__u64 *scheduled;

	due = now + interval;
	if (!bpf_map_update_elem(&limits, &key, &due, BPF_NOEXIST))
		return 1;
	scheduled = bpf_map_lookup_elem(&limits, &key);
	if (!scheduled)
		return 0;
	return take_turn(scheduled, now, interval, interval * (row->limit_burst - 1));
}

/* May another flow of this opener enter `assured`? Real handshakes, or answered datagrams, come
 * without end; within 30 s they may take 3/16 of the table, so that a flow which was used in that
 * time is never the oldest. A function of its own: verified once. */
__noinline int take_promotion_turn(__u32 opener)
{
	__u32 index = opener & 1;
	__u64 *scheduled = bpf_map_lookup_elem(&promotions, &index);

	return scheduled &&
	       take_turn(scheduled, bpf_jiffies64() << PM_PACE_SHIFT, pm_promotion_pace,
			 (__u64)PM_PROMOTION_BURST * pm_hz << PM_PACE_SHIFT);
}

#endif
