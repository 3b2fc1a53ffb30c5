/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * IGMP, by which hosts join groups: RFC 1112 (version 1), 2236 (version 2) and 3376 (version 3). It
 * never leaves the link, but its TTL of 1 does not prove that: the sender chooses it. So a message
 * must be of a known type and of its right length, be sent where its RFC says, have the Router
 * Alert option (RFC 2113) if its version demands that, and come from an address of the link.
 */
#ifndef PM_IGMP_H
#define PM_IGMP_H

#include "packet.h"
#include "place.h"

/* Is it the first option? Without options the message itself is there, and begins otherwise. */
static PM_INLINE int has_router_alert(const struct frame *frame, const struct packet *packet)
{
	const __be32 *option = at(frame, packet->l3 + sizeof(struct iphdr), sizeof(*option));

	return option && *option == bpf_htonl(IPV4_ROUTER_ALERT);
}

/* Is a query of the right length, and sent to its group or to all hosts? That of version 3 names
 * sources, those before have 8 bytes. Version 1 has no code, and no Router Alert. */
static PM_INLINE int is_fine_query(const struct frame *frame, const struct packet *packet,
				   const struct igmp *igmp, __u32 to)
{
	const struct igmp_query *query;
	__u32 group = bpf_ntohl(igmp->group);

	if (to != (group ? group : IGMP_ALL_HOSTS))
		return 0;
	if (packet->l4_length == sizeof(*igmp))
		return !igmp->code || has_router_alert(frame, packet);
	query = at(frame, packet->l4, sizeof(*query));
	return query && (group || !query->sources) &&
	       packet->l4_length == sizeof(*query) + bpf_ntohs(query->sources) * sizeof(__be32) &&
	       has_router_alert(frame, packet);
}

static PM_INLINE int is_fine_igmp(const struct frame *frame, const struct packet *packet)
{
	const struct pm_flow_key *flow = &packet->query.flow;
	__u32 to = packet->direction == PM_IN ? flow->local.low : flow->remote.low;
	const struct igmp *igmp = at(frame, packet->l4, sizeof(*igmp));
	int is_short = packet->l4_length == sizeof(*igmp);

	if (!igmp || packet->l4_length < sizeof(*igmp) || packet->hop_limit != 1 ||
	    packet->fragment != NOT_FRAGMENT || to >> 28 != IPV4_MULTICAST_PREFIX)
		return 0;
	switch (igmp->type) {
	case IGMP_QUERY:
		return is_fine_query(frame, packet, igmp, to);
	case IGMP_REPORT_V1:
		return is_short && igmp->group == bpf_htonl(to);
	case IGMP_REPORT_V2:
		return is_short && igmp->group == bpf_htonl(to) && has_router_alert(frame, packet);
	case IGMP_LEAVE:
		return is_short && to == IGMP_ALL_ROUTERS && has_router_alert(frame, packet);
	case IGMP_REPORT_V3: /* of as many groups as the sender has */
		return to == IGMP_ALL_REPORT_ROUTERS && has_router_alert(frame, packet);
	}
	return 0;
}

/* Does it come from the link? A host without an address, and a switch that asks for none of its own
 * (RFC 4541), send from 0.0.0.0. What this host sends does. Without state (a probe) nobody knows.
 */
static PM_INLINE int is_from_link(const struct packet *packet, __u32 stateless)
{
	const struct pm_addr *source = &packet->query.flow.remote;

	return packet->direction == PM_OUT || stateless || source->low == PM_V4_PREFIX ||
	       place_of(packet, source) & PM_PLACE_ON_LINK;
}

#endif
