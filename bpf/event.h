/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Dropped packets for those who monitor. Each consumer has a ring of its own, armed until a time:
 * one that is killed disarms by itself. A CPU sends a ring PM_EVENT_BURST events in 1/8 s at most,
 * and never wakes its reader; what is wanted and not sent is counted as lost.
 */
#ifndef PM_EVENT_H
#define PM_EVENT_H

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* While nobody monitors this is one load, from the line in which the epoch lies. */
static PM_INLINE int is_monitored(void)
{
	const struct pm_control *all;
	__u32 zero = 0;
	__u64 until;

	all = bpf_map_lookup_elem(&control, &zero);
	if (!all)
		return 0;
	until = *(const volatile __u64 *)&all->monitored;
	return until && bpf_jiffies64() < until;
}

static PM_INLINE int is_wanted(const struct pm_ring *ring, const struct packet *packet,
			       __u32 verdict, __u64 now)
{
	return now < ring->until &&
	       ring->reasons >> (pm_reason_of(verdict) & (PM_REASON_SLOTS - 1)) & 1 &&
	       ring->interfaces >> pm_interface & 1 &&
	       (!ring->row || ring->row == pm_row_of(verdict)) &&
	       (!ring->by_peer || is_same(&ring->peer, &packet->query.flow.remote));
}

static PM_INLINE void count_lost(__u32 ring, __u32 packets)
{
	struct pm_ring_count *count = bpf_map_lookup_elem(&ring_counts, &ring);

	if (count)
		count->lost += packets;
}

/* Does the ring want the packet, and may it be sent one more? */
static PM_INLINE int reserve_event(__u32 number, const struct packet *packet, __u32 verdict,
				   __u64 now)
{
	const struct pm_ring *ring = bpf_map_lookup_elem(&rings, &number);
	struct pm_ring_count *count;

	if (!ring || !is_wanted(ring, packet, verdict, now))
		return 0;
	count = bpf_map_lookup_elem(&ring_counts, &number);
	if (!count)
		return 0;
	if (now - count->window >= pm_hz / 8) {
		count->window = now;
		count->events = 0;
	}
	if (count->events >= PM_EVENT_BURST) {
		count->lost += packet->segments;
		return 0;
	}
	count->events++;
	return 1;
}

/* The rings that are sent the packet, a bit each. */
__noinline int rings_wanting(const struct packet *packet, __u32 verdict)
{
	__u64 now = bpf_jiffies64();
	int found = 0;

	if (!packet)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < PM_EVENT_RINGS; i++)
		found |= reserve_event(i, packet, verdict, now) << i;
	return found;
}

/* All but the packet itself. It lies in this CPU's scratch, which nothing else uses meanwhile. */
static PM_INLINE struct pm_event *describe(const struct packet *packet, __u32 verdict)
{
	__u32 zero = 0;
	struct pm_event *event = bpf_map_lookup_elem(&event_scratch, &zero);

	if (!event)
		return NULL;
	event->time = bpf_ktime_get_boot_ns();
	event->epoch = packet->query.sequence;
	event->length = packet->bytes;
	event->segments = packet->segments;
	event->row = pm_row_of(verdict);
	event->reason = pm_reason_of(verdict);
	event->direction = packet->direction;
	event->interface = pm_interface;
	event->audit = packet->audit;
	event->captured = 0;
	return event;
}

/* How much of a frame is copied. The barriers keep the bounds where Linux 6.1 sees them. */
static PM_INLINE __u32 capture_length(__u32 frame)
{
	asm volatile("" : "+r"(frame));
	if (frame > PM_EVENT_BYTES)
		frame = PM_EVENT_BYTES;
	asm volatile("" : "+r"(frame));
	return frame;
}

#define OUTPUT_TO(number)                                                                          \
	do {                                                                                       \
		if (wanted & 1U << (number) &&                                                     \
		    bpf_ringbuf_output(&events_##number, event, sizeof(*event), BPF_RB_NO_WAKEUP)) \
			count_lost(number, event->segments);                                       \
	} while (0)

static PM_INLINE void output_event(struct pm_event *event, __u32 wanted)
{
	OUTPUT_TO(0);
	OUTPUT_TO(1);
	OUTPUT_TO(2);
	OUTPUT_TO(3);
	OUTPUT_TO(4);
	OUTPUT_TO(5);
	OUTPUT_TO(6);
	OUTPUT_TO(7);
}

/* `hook` is a constant. */
static PM_INLINE int send_to_rings(void *ctx, __u32 hook, const struct packet *packet,
				   __u32 verdict)
{
	__u32 size, wanted = rings_wanting(packet, verdict);
	struct pm_event *event;
	long failed;

	if (!packet || !wanted)
		return 0;
	event = describe(packet, verdict);
	if (!event)
		return 0;
	event->frame = hook == PM_IN ? bpf_xdp_get_buff_len(ctx) : ((struct __sk_buff *)ctx)->len;
	size = capture_length(event->frame);
	if (size >= ETH_HLEN) {
		failed = hook == PM_IN ? bpf_xdp_load_bytes(ctx, 0, event->packet, size)
				       : bpf_skb_load_bytes(ctx, 0, event->packet, size);
		event->captured = failed ? 0 : size;
	}
	output_event(event, wanted);
	return 0;
}

/* Verified once for each hook. */
__noinline int send_event_xdp(struct xdp_md *ctx, const struct packet *packet, __u32 verdict)
{
	return send_to_rings(ctx, PM_IN, packet, verdict);
}

__noinline int send_event_skb(struct __sk_buff *skb, const struct packet *packet, __u32 verdict)
{
	return send_to_rings(skb, PM_OUT, packet, verdict);
}

/* `hook` is a constant. */
static PM_INLINE void send_event(void *ctx, __u32 hook, const struct packet *packet, __u32 verdict)
{
	if (hook == PM_IN)
		send_event_xdp(ctx, packet, verdict);
	else
		send_event_skb(ctx, packet, verdict);
}

#endif
