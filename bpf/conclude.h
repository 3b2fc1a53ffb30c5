/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one exit: every packet moves exactly one counter, of a row, an essential or a reason.
 * Counters are per CPU and only this file writes them.
 */
#ifndef PM_CONCLUDE_H
#define PM_CONCLUDE_H

#include "admit.h"
#include "constants.h"
#include "event.h"
#include "judge.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* 0: there is no such slot. */
static PM_INLINE int count_row(const struct packet *packet, __u32 slot)
{
	struct pm_row_count *row = bpf_map_lookup_elem(&rows, &slot);
	__u32 way = packet->direction & 1;

	if (!row)
		return 0;
	row->packets[way] += packet->segments;
	row->bytes[way] += packet->bytes;
	if (packet->opened)
		row->flows++;
	if (packet->mismatched)
		row->mismatched++;
	return 1;
}

/* Of a packet that is dropped for its payload, and so is no packet of the row. */
static PM_INLINE void count_mismatch(__u32 slot)
{
	struct pm_row_count *row = bpf_map_lookup_elem(&rows, &slot);

	if (row)
		row->mismatched++;
}

static PM_INLINE void count_drop(const struct packet *packet, __u32 reason)
{
	__u32 index = pm_drop_index(pm_interface, packet->direction, reason);
	struct pm_drop_count *count = bpf_map_lookup_elem(&drops, &index);

	if (!count)
		return;
	if (packet->audit) {
		count->would_packets += packet->segments;
		count->would_bytes += packet->bytes;
	} else {
		count->packets += packet->segments;
		count->bytes += packet->bytes;
	}
}

/* A function of its own, and not called by another, for the stack: most hosts have no shadow. */
__noinline int count_shadow(const struct packet *packet, __u32 row, __u32 reason)
{
	struct pm_shadow_count none = {}, *count;
	struct pm_shadow_key key = {.row = row, .reason = reason, .interface = pm_interface};

	if (!packet)
		return 0;
	key.direction = packet->direction;
	count = bpf_map_lookup_elem(&shadows, &key);
	if (!count) {
		bpf_map_update_elem(&shadows, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&shadows, &key);
	}
	if (!count)
		return 0;
	count->packets += packet->segments;
	count->bytes += packet->bytes;
	return 0;
}

/* Where the shadow policy differs: it drops what passes, or a row of it passes what no row of the
 * policy in force does. Of packets that are dropped only openers are asked about. */
static PM_INLINE void compare_shadow(struct packet *packet, __u32 verdict)
{
	__u32 reason = pm_reason_of(verdict), shadow;

	if (!is_drop(verdict)) {
		if (packet->shadow)
			count_shadow(packet, verdict, packet->shadow);
		return;
	}
	if ((reason != PM_DROP_NO_SERVICE && reason != PM_DROP_NO_ROW &&
	     reason != PM_DROP_NO_ROLE && reason != PM_DROP_BLOCKED &&
	     reason != PM_DROP_UNSUPPORTED_PROTOCOL && reason != PM_DROP_NOT_FIRST_PACKET) ||
	    !can_open(packet))
		return;
	packet->query.flow.opener = packet->direction;
	shadow = shadow_verdict(packet);
	if (!is_drop(shadow))
		count_shadow(packet, shadow, 0);
}

/* True: the packet passes. */
static PM_INLINE int conclude(void *ctx, __u32 hook, struct packet *packet, __u32 verdict)
{
	/* A stage was forgotten, or the image names a slot that is not: fail closed. */
	if (verdict == UNDECIDED || (!is_drop(verdict) && !count_row(packet, verdict)))
		verdict = drop(PM_DROP_NO_POLICY);
	if (packet->query.shadow)
		compare_shadow(packet, verdict);
	if (!is_drop(verdict))
		return 1;
	if (packet->mismatched)
		count_mismatch(pm_row_of(verdict));
	count_drop(packet, pm_reason_of(verdict));
	if (is_monitored())
		send_event(ctx, hook, packet, verdict);
	return packet->audit;
}

#endif
