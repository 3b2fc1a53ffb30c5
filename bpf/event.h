/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Events: dropped packets for those who monitor. How one gets to its readers:
 *
 *   1. Each consumer has a ring buffer of its own, since two readers of one would take events from
 *      each other. What it wants (reasons, interfaces, a row, a peer) is in the map `rings`.
 *   2. It arms its ring until a time in the near future, and again before that time. So the ring
 *      of a consumer that was killed disarms by itself.
 *   3. While no ring is armed, a dropped packet costs one load (is_monitored).
 *   4. A CPU sends at most PM_EVENT_BURST events to a ring in 1/8 s (reserve_event), and never
 *      wakes the reader, which looks by itself.
 *   5. A packet that a ring wants and does not get is counted as lost, in `ring_counts`.
 */
#ifndef PM_EVENT_H
#define PM_EVENT_H

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* Is any ring armed? The answer lies in the cache line of the epoch, which is loaded anyway. */
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

/* Is the address one of the prefix that a ring wants? */
static PM_INLINE int is_wanted_peer(const struct pm_ring *ring, const struct pm_addr *peer)
{
	__u32 open = (ring->by_peer - 1U) & 127; /* bits that are not compared */
	__u64 high = ring->peer.high ^ peer->high, low = ring->peer.low ^ peer->low;

	if (open >= 64)
		return !(high >> (open & 63));
	return !high && !(low >> open);
}

static PM_INLINE int is_wanted(const struct pm_ring *ring, const struct packet *packet,
			       __u32 verdict, __u64 now)
{
	return now < ring->until &&
	       ring->reasons >> (pm_reason_of(verdict) & (PM_REASON_SLOTS - 1)) & 1 &&
	       ring->interfaces >> pm_interface & 1 &&
	       (!ring->row || ring->row == pm_row_of(verdict)) &&
	       (!ring->by_peer || is_wanted_peer(ring, &packet->query.flow.remote));
}

static PM_INLINE void count_lost(__u32 ring, __u32 packets)
{
	struct pm_ring_count *count = bpf_map_lookup_elem(&ring_counts, &ring);

	if (count)
		count->lost += packets;
}

/* Reserve one event of the ring's burst for the packet. 0: the ring does not want it, or the burst
 * is used up; then the packet is counted as lost. */
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

/* The rings that want the packet and may have it, a bit each; an event is reserved in each. */
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

/* An event without the packet's bytes, in this CPU's scratch: no other program runs on the CPU
 * meanwhile. */
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

/* How many bytes of a frame are copied. The barriers keep the bound where the verifier of Linux 6.1
 * sees it. */
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

/* `hook` is a constant here and below: the helpers differ. */
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

static PM_INLINE void send_event(void *ctx, __u32 hook, const struct packet *packet, __u32 verdict)
{
	if (hook == PM_IN)
		send_event_xdp(ctx, packet, verdict);
	else
		send_event_skb(ctx, packet, verdict);
}

#endif
