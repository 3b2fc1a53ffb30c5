/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fragments. Only the first fragment of a datagram has ports. So one that passed leaves its ports
 * in the map `fragments`, by addresses, protocol, id and direction. A later fragment takes them,
 * and is from then on a packet of that flow that cannot open it. Nothing is reassembled, and ports
 * are never read from the bytes of a later fragment.
 *
 * A later fragment may come in before its first: over the links of a bond, or from another queue.
 * It passes, as an essential and at a pace, if some row lets its sender open something here. That
 * gives it no more than a first fragment without the rest does: the stack does not hand on a
 * datagram without its first fragment, and that one is judged by its ports. What this host sends
 * leaves in order.
 */
#ifndef PM_FRAGMENT_H
#define PM_FRAGMENT_H

#include "clock.h"
#include "judge.h"
#include "pace.h"
#include "place.h"

static PM_INLINE struct pm_fragment_key fragment_key(const struct packet *packet)
{
	int in = packet->direction == PM_IN;
	struct pm_fragment_key key = {
		.source = in ? packet->query.flow.remote : packet->query.flow.local,
		.destination = in ? packet->query.flow.local : packet->query.flow.remote,
		.id = packet->fragment_id,
		.protocol = packet->fragment_protocol,
		.interface = pm_interface,
		.direction = packet->direction,
	};
	return key;
}

/* An old entry is written over in place: see flow_table.h, "Who writes what". */
static PM_INLINE void leave_ports(const struct packet *packet)
{
	struct pm_fragment_key key = fragment_key(packet);
	struct pm_fragment fragment = {
		.local_port = packet->query.flow.local_port,
		.remote_port = packet->query.flow.remote_port,
		.protocol = packet->query.flow.protocol,
		.echo_reply = packet->echo_reply,
		.seen = bpf_jiffies64(),
	};
	struct pm_fragment *old = bpf_map_lookup_elem(&fragments, &key);

	if (old)
		*old = fragment;
	else
		bpf_map_update_elem(&fragments, &key, &fragment, BPF_NOEXIST);
}

/* Called for a first fragment that passes. A function of its own, to keep the stack small. */
__noinline int remember_fragment(const struct packet *packet)
{
	if (packet)
		leave_ports(packet);
	return 0;
}

/* Give a later fragment the ports of its first one; a tcp one counts as an ACK. */
static PM_INLINE __u32 follow_fragment(struct packet *packet, __u32 stateless)
{
	struct pm_fragment_key key;
	struct pm_fragment *first;

	if (stateless)
		return drop(PM_DROP_FRAGMENT_UNKNOWN);
	key = fragment_key(packet);
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || is_over(first->seen, bpf_jiffies64(), PM_TIMEOUT_FRAGMENT))
		return packet->direction == PM_IN ? FRAGMENT_ALONE : drop(PM_DROP_FRAGMENT_UNKNOWN);
	packet->query.flow.local_port = first->local_port;
	packet->query.flow.remote_port = first->remote_port;
	packet->query.flow.protocol = first->protocol;
	packet->echo_reply = first->echo_reply;
	packet->tcp_flags = TCP_ACK;
	return UNDECIDED;
}

/* The stage. */
static PM_INLINE __u32 check_fragment(struct packet *packet, __u32 stateless)
{
	struct pm_view image;

	if (packet->fragment == NOT_FRAGMENT)
		return UNDECIDED;
	image = view_of(&images, packet->query.image, pm_image_mask);
	if (!image.base)
		return drop(PM_DROP_NO_POLICY);
	if (pm_field(image, pm_image, flags) & PM_IMAGE_FRAGMENTS_DROP)
		return drop(PM_DROP_FRAGMENT_REFUSED);
	return packet->fragment == LATER_FRAGMENT ? follow_fragment(packet, stateless) : UNDECIDED;
}

static PM_INLINE __u32 pass_fragment_alone(struct xdp_md *ctx, struct packet *packet)
{
	if (!is_permitted_without_ports(&packet->query))
		return drop(PM_DROP_FRAGMENT_UNKNOWN);
	if (!is_within_pace(PM_ESSENTIAL_FRAGMENT, PM_IN))
		return drop_of(PM_DROP_RATE_LIMITED, PM_ESSENTIAL_FRAGMENT);
	return is_foreign(ctx, packet) ? drop(PM_DROP_FORWARDED) : pass(PM_ESSENTIAL_FRAGMENT);
}

#endif
