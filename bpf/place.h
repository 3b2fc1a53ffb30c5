/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Is a packet of this host, or only on its way through? A host is what its address says, whoever
 * handles the packet: also where a container or a relay of the kernel has it from, or NAT gives it
 * to one. What nobody knows is foreign.
 *
 *   in   is_foreign: asked last, and only of a packet that a row would admit, because it costs most
 *   out  is_passing_through: asked first, but only of what another device handed over
 */
#ifndef PM_PLACE_H
#define PM_PLACE_H

#include "constants.h"
#include "judge.h"
#include "maps.bpf.h"
#include "packet.h"

#define FAMILY_V4 2 /* AF_INET: <sys/socket.h> is of the C library */
#define FAMILY_V6 10 /* AF_INET6 */

/* enum pm_place_flag of an address, seen from the packet's interface; 0: nothing is known of it. */
static PM_INLINE __u32 place_of(const struct packet *packet, const struct pm_addr *address)
{
	const struct pm_place *place;
	struct pm_place_key key = {
		.bits = PM_PLACE_INTERFACE_BITS + PM_PLACE_ADDRESS_BITS,
		.interface = packet->query.flow.interface,
	};

	to_v6(address, (__be32 *)key.address);
	place = bpf_map_lookup_elem(&places, &key);
	return place ? place->flags : 0;
}

/* Would this host route the packet on, or does nobody know? It is asked of the interface that the
 * policy names: the program of a bond runs on its ports. A function of its own, so that the large
 * bpf_fib_lookup lies beside the frames of judge() on the stack, not below them. */
__noinline int is_routed(struct xdp_md *ctx, const struct packet *packet)
{
	struct bpf_fib_lookup route = {};
	const struct pm_interface *named;
	const struct pm_flow_key *flow;
	__u32 interface;
	long found;

	if (!packet)
		return 1;
	flow = &packet->query.flow;
	interface = flow->interface;
	named = bpf_map_lookup_elem(&interfaces, &interface);
	if (!named)
		return 1;
	route.ifindex = named->ifindex;
	route.l4_protocol = flow->protocol;
	if (pm_is_v4(&flow->local)) {
		route.family = FAMILY_V4;
		route.ipv4_src = bpf_htonl((__u32)flow->remote.low);
		route.ipv4_dst = bpf_htonl((__u32)flow->local.low);
	} else {
		route.family = FAMILY_V6;
		to_v6(&flow->remote, route.ipv6_src);
		to_v6(&flow->local, route.ipv6_dst);
	}
	found = bpf_fib_lookup(ctx, &route, sizeof(route), 0);
	if (found < 0) { /* it was moved to this network namespace, and has another index here */
		route.ifindex = ctx->ingress_ifindex;
		found = bpf_fib_lookup(ctx, &route, sizeof(route), 0);
	}
	return found < 0 || found == BPF_FIB_LKUP_RET_SUCCESS ||
	       found == BPF_FIB_LKUP_RET_NO_NEIGH || found == BPF_FIB_LKUP_RET_FRAG_NEEDED ||
	       found == BPF_FIB_LKUP_RET_UNSUPP_LWT;
}

/* Is what came in for somebody else? It is not if this host has its destination (PM_PLACE_OWN). If
 * that is not known, it must be listed in a role, for an address that NAT alone knows; or the row
 * be a failsafe one; or this host forward nothing (PM_PLACE_STAYS). And this host must not route it
 * on. That alone proves nothing: bpf_fib_lookup says the same of any address where the device does
 * not forward, and the stack may forward all the same (a mark, IPv6's conf.all.forwarding, a
 * VLAN). */
__noinline int is_foreign(struct xdp_md *ctx, const struct packet *packet)
{
	const struct pm_addr *local;
	struct pm_view image;
	__u32 place;

	if (!packet)
		return 1;
	local = &packet->query.flow.local;
	place = place_of(packet, local);
	if (pm_is_multicast(local) || place & PM_PLACE_OWN)
		return 0;
	image = view_of(&images, packet->query.image, pm_image_mask);
	if (!(place & PM_PLACE_STAYS) && !(packet->judged.row.flags & PM_ROW_FAILSAFE) &&
	    (!image.base || !pm_is_own(image, local)))
		return 1;
	return is_routed(ctx, packet);
}

/* Is what another device handed over, to be sent, somebody else's? It is this host's if its source
 * is an address of this host that the policy lists. In IPv4 the stack's own check has let no guest
 * through with such a source: so it is NAT's, or of a relay in the kernel. IPv6 has no such check,
 * and the policy must say that it may be believed. */
__noinline int is_passing_through(const struct packet *packet)
{
	const struct pm_addr *local;
	struct pm_view image;

	if (!packet)
		return 1;
	local = &packet->query.flow.local;
	image = view_of(&images, packet->query.image, pm_image_mask);
	if (!image.base || !pm_is_own(image, local))
		return 1;
	if (!pm_is_v4(local) && !(pm_field(image, pm_image, flags) & PM_IMAGE_HANDED_OVER_IPV6))
		return 1;
	return !(place_of(packet, local) & PM_PLACE_ROUTED);
}

#endif
