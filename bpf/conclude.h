/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one exit: every packet moves exactly one counter, of a row, an essential or a reason.
 * Counters are per CPU and only this file writes them.
 */
#ifndef PM_CONCLUDE_H
#define PM_CONCLUDE_H

#include "epoch.h"
#include "packet.h"

/* 0: there is no such slot. */
static PM_INLINE int count_row(const struct packet *packet, __u32 slot)
{
	struct pm_row_count *row = bpf_map_lookup_elem(&rows, &slot);
	__u32 way = packet->direction & 1;

	if (!row)
		return 0;
	row->packets[way] += packet->segments;
	row->bytes[way] += packet->bytes;
	row->flows += packet->opened;
	row->mismatched += packet->mismatched;
	return 1;
}

static PM_INLINE void count_drop(const struct packet *packet, __u32 reason, __u32 audit)
{
	__u32 index = pm_drop_index(pm_interface, packet->direction, reason);
	struct pm_drop_count *count = bpf_map_lookup_elem(&drops, &index);

	if (!count)
		return;
	if (audit) {
		count->would_packets += packet->segments;
		count->would_bytes += packet->bytes;
	} else {
		count->packets += packet->segments;
		count->bytes += packet->bytes;
	}
}

/* True: the packet passes. */
static PM_INLINE int conclude(const struct packet *packet, __u32 verdict, __u32 mode)
{
	int audit = mode == PM_MODE_AUDIT;

	/* A stage was forgotten, or the image names a slot that is not: fail closed. */
	if (verdict == UNDECIDED || (!is_drop(verdict) && !count_row(packet, verdict)))
		verdict = drop(PM_DROP_NO_POLICY);
	if (!is_drop(verdict))
		return 1;
	count_drop(packet, pm_reason_of(verdict), audit);
	return audit;
}

#endif
