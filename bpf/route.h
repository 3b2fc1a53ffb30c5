/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Is a packet that comes in on its way through this host? This is checked last, and only for a
 * packet that a row would admit: a look-up in the routing table costs a lot.
 */
#ifndef PM_ROUTE_H
#define PM_ROUTE_H

#include "packet.h"

#define FAMILY_V4 2 /* AF_INET: <sys/socket.h> is of the C library */
#define FAMILY_V6 10 /* AF_INET6 */

/* Would this host route the packet on? A function of its own, so that the large bpf_fib_lookup lies
 * beside the frames of judge() on the stack, not below them. */
__noinline int is_routed(struct xdp_md *ctx, const struct packet *packet)
{
	const struct pm_flow_key *flow;
	struct bpf_fib_lookup route = {};
	long found;

	if (!packet)
		return 0;
	flow = &packet->query.flow;
	route.l4_protocol = flow->protocol;
	route.ifindex = ctx->ingress_ifindex;
	if (pm_is_multicast(&flow->local))
		return 0;
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
	return found == BPF_FIB_LKUP_RET_SUCCESS || found == BPF_FIB_LKUP_RET_NO_NEIGH ||
	       found == BPF_FIB_LKUP_RET_FRAG_NEEDED || found == BPF_FIB_LKUP_RET_UNSUPP_LWT;
}

#endif
