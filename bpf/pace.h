/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * At what pace essentials pass: anybody on the link can send them, and the stack does some work for
 * each. There are five paces, all by turns as in limit.h:
 *
 *   - PM_ESSENTIAL_PACE for each kind, on each interface and in each direction. No honest link
 *     reaches it.
 *   - PM_QUESTION_PACE for questions for this host's own addresses, by ARP or neighbour
 *     discovery. For each the stack makes an entry in its table of neighbours, which it keeps for
 *     5 s at least. With more than gc_thresh3 (1024) of them, of all network namespaces together,
 *     it finds no new neighbour any more.
 *   - PM_NEIGHBOUR_PACE for each neighbour that this host itself has asked for within
 *     PM_TIMEOUT_NEIGHBOUR: for its answers and for what it asks. So floods that take all of the
 *     other paces keep this host from nobody that it talks to. Only this host's own questions add
 *     one.
 *   - PM_FORGOTTEN_PACE for segments of connections that this host has forgotten (admit.h), on each
 *     interface and in each direction.
 *   - PM_GUEST_PACE for all essentials that another device of this host hands over, on each
 *     interface. So no guest takes this host's own turns, and whom it asks for is no neighbour.
 */
#ifndef PM_PACE_H
#define PM_PACE_H

#include "clock.h"
#include "constants.h"
#include "judge.h"
#include "limit.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

#define NS_PER_S 1000000000ULL

/* Is it the turn of one more, of `rate` a second and `burst` at once? */
static PM_INLINE int is_within(__u64 *scheduled, __u32 rate, __u32 burst)
{
	__u64 interval = NS_PER_S / rate;

	return take_turn(scheduled, bpf_ktime_get_ns(), interval, interval * (burst - 1));
}

/* The address in the payload of an ARP packet or of neighbour discovery that is about a neighbour:
 * whom it asks for, on the way out; who sends it or is advertised, on the way in. Zero if there is
 * none. */
static PM_INLINE struct pm_addr neighbour_of(const struct frame *frame, const struct packet *packet)
{
	int out = packet->direction == PM_OUT;
	const struct in6_addr *target;
	const struct pm_addr none = {};
	const __u8 *arp;

	if (packet->ethertype == ETH_ARP) {
		arp = at(frame, packet->l3, ARP_BYTES);
		if (!arp || (out && arp[7] != ARP_REQUEST))
			return none;
		return address_v4(*(const __be32 *)(arp + (out ? ARP_TARGET : ARP_SENDER)));
	}
	if (packet->icmp_type ==
	    (out ? ICMPV6_NEIGHBOUR_SOLICITATION : ICMPV6_NEIGHBOUR_ADVERTISEMENT)) {
		target = at(frame, packet->l4 + sizeof(struct icmp_header), sizeof(*target));
		return target ? address_v6(target) : none;
	}
	return out ? none : packet->query.flow.remote;
}

/* Notes whom this host asks for. True: what comes in is from such a one, within its own pace. */
static PM_INLINE int is_from_neighbour(const struct frame *frame, const struct packet *packet)
{
	struct pm_neighbour_key key = {
		.address = neighbour_of(frame, packet),
		.interface = pm_interface,
	};
	struct pm_neighbour none = {}, *neighbour;

	if (!key.address.high && !key.address.low)
		return 0;
	if (packet->direction == PM_OUT)
		bpf_map_update_elem(&neighbours, &key, &none, BPF_NOEXIST);
	neighbour = bpf_map_lookup_elem(&neighbours, &key);
	if (!neighbour)
		return 0;
	if (packet->direction == PM_OUT) {
		neighbour->asked = bpf_jiffies64();
		return 0;
	}
	return !is_over(neighbour->asked, bpf_jiffies64(), PM_TIMEOUT_NEIGHBOUR) &&
	       is_within(&neighbour->scheduled, PM_NEIGHBOUR_PACE, PM_NEIGHBOUR_BURST);
}

/* Does a packet that comes in ask for an address of this host? Of neighbour discovery, all that
 * comes here does, or is for somebody whose address ends alike. */
static PM_INLINE int is_question(const struct frame *frame, const struct packet *packet)
{
	struct pm_addr target;
	struct pm_view image;
	const __u8 *arp;

	if (packet->direction == PM_OUT)
		return 0;
	if (packet->ethertype != ETH_ARP)
		return packet->icmp_type == ICMPV6_NEIGHBOUR_SOLICITATION;
	arp = at(frame, packet->l3, ARP_BYTES);
	image = view_of(&images, packet->query.image, pm_image_mask);
	if (!arp || !image.base || arp[7] != ARP_REQUEST)
		return 0;
	target = address_v4(*(const __be32 *)(arp + ARP_TARGET));
	return pm_is_own(image, &target);
}

/* 1: one more of this kind (pm_pace_index) may pass. A function of its own: verified once. */
__noinline int is_within_pace(__u32 kind, __u32 direction)
{
	__u32 index = pm_pace_index(pm_interface, direction, kind);
	__u64 *scheduled = bpf_map_lookup_elem(&paces, &index);

	if (!scheduled)
		return 0;
	if (kind == PM_PACE_QUESTION)
		return is_within(scheduled, PM_QUESTION_PACE, PM_QUESTION_BURST);
	if (kind == PM_PACE_FORGOTTEN)
		return is_within(scheduled, PM_FORGOTTEN_PACE, PM_FORGOTTEN_BURST);
	if (kind == PM_PACE_GUEST)
		return is_within(scheduled, PM_GUEST_PACE, PM_GUEST_BURST);
	return is_within(scheduled, PM_ESSENTIAL_PACE, PM_ESSENTIAL_BURST);
}

/* `essential`: the verdict that passes the packet. */
static PM_INLINE __u32 at_pace(const struct packet *packet, __u32 essential)
{
	return is_within_pace(packet->handed_over ? PM_PACE_GUEST : essential, packet->direction)
		       ? essential
		       : drop_of(PM_DROP_RATE_LIMITED, essential);
}

/* The same of ARP and neighbour discovery. */
static PM_INLINE __u32 at_pace_of_neighbours(const struct frame *frame, const struct packet *packet,
					     __u32 essential)
{
	if (is_from_neighbour(frame, packet))
		return essential;
	if (is_question(frame, packet) && !is_within_pace(PM_PACE_QUESTION, PM_IN))
		return drop_of(PM_DROP_RATE_LIMITED, essential);
	return at_pace(packet, essential);
}

#endif
