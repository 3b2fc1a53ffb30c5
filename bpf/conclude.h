/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The last stage, and the only exit. Every packet moves exactly one counter:
 *
 *   - a pass: of its row or essential, on this interface;
 *   - a drop: of its reason, on this interface and in its direction. In audit mode it is counted
 *     apart, and passes.
 *
 * Beside it, and only where they apply: the count of failed checks of a row, the counts of the
 * shadow policy, and an event for those who monitor. Counters are per CPU, and only this file
 * writes them.
 */
#ifndef PM_CONCLUDE_H
#define PM_CONCLUDE_H

#include "constants.h"
#include "event.h"
#include "judge.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* Count a pass. 0: there is no such slot. */
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

/* Count a failed check of a packet that is dropped for it, and so is not counted as the row's. */
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

/* Count what the shadow policy judges otherwise; `row` and `reason` as in struct pm_shadow_key. A
 * function of its own that no other function calls, to keep the stack small. */
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

/* Count the packet if the shadow policy differs:
 *
 *   - it drops what passes; this was found when the flow was judged (packet->shadow);
 *   - it passes, as its flow's opener, what the policy in force drops for lack of a row.
 *
 * Only the reasons below can be undone by another policy. */
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
	packet->query.opener = packet->direction;
	shadow = shadow_verdict(packet);
	if (!is_drop(shadow))
		count_shadow(packet, shadow, 0);
}

/* True: the packet passes. */
static PM_INLINE int conclude(void *ctx, __u32 hook, struct packet *packet, __u32 verdict)
{
	/* No stage has decided, or the image names a slot that does not exist: fail closed. */
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
