/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Essentials: what a host cannot live without. They pass with no row, and nothing switches them
 * off: ARP, neighbour discovery, multicast membership, LACP, and the DHCP of this host's client.
 * One that breaks its RFC is dropped, and what comes faster than its pace (pace.h). ICMP errors are
 * essentials too, but need the flow tables: they are in related.h. So is a later fragment before
 * its first (fragment.h).
 */
#ifndef PM_ESSENTIALS_H
#define PM_ESSENTIALS_H

#include "clock.h"
#include "constants.h"
#include "igmp.h"
#include "maps.bpf.h"
#include "pace.h"
#include "packet.h"
#include "verdict.h"

/* ARP for IPv4 over Ethernet: request or reply (RFC 826). */
static PM_INLINE __u32 essential_arp(const struct frame *frame, const struct packet *packet)
{
	const __u8 *arp = at(frame, packet->l3, ARP_BYTES);

	if (!arp || arp[0] != 0 || arp[1] != ARP_HARDWARE_ETHERNET || arp[2] != ETH_IPV4 >> 8 ||
	    arp[3] != (ETH_IPV4 & 0xff) || arp[4] != ETH_ALEN || arp[5] != sizeof(__be32) ||
	    arp[6] != 0 || (arp[7] != ARP_REQUEST && arp[7] != ARP_REPLY))
		return drop(PM_DROP_MALFORMED_ESSENTIAL);
	return pass(PM_ESSENTIAL_ARP);
}

/* LACP and marker, to their group address alone. They pass on every interface: one may join a bond
 * at any time, and a device that is in none ignores them. */
static PM_INLINE __u32 essential_lacp(const struct frame *frame, const struct packet *packet)
{
	const __u8 *destination = at(frame, 0, ETH_ALEN), *subtype = at(frame, packet->l3, 1);

	if (!destination || *(const __be16 *)destination != bpf_htons(SLOW_GROUP_HIGH) ||
	    *(const __be32 *)(destination + sizeof(__be16)) != bpf_htonl(SLOW_GROUP_LOW) ||
	    !subtype || (*subtype != SLOW_LACP && *subtype != SLOW_MARKER))
		return drop(PM_DROP_UNSUPPORTED_ETHERTYPE);
	return pass(PM_ESSENTIAL_LACP);
}

/* Bytes of the fixed part of an ICMPv6 message: a shorter one is truncated. */
static PM_INLINE __u32 essential_length(__u8 type)
{
	if (type == ICMPV6_ROUTER_SOLICITATION || type == ICMPV6_LISTENER_REPORT_V2)
		return 8;
	if (type == ICMPV6_ROUTER_ADVERTISEMENT)
		return 16;
	return 24; /* neighbours, and the rest of MLD */
}

/* Neighbour and router discovery (RFC 4861: hop limit 255, code 0; RFC 6980: no fragment header),
 * MLD (RFC 2710, 3810: hop limit 1, from a link-local address or none). */
static PM_INLINE __u32 essential_icmpv6(const struct frame *frame, const struct packet *packet)
{
	const struct pm_addr *source =
		packet->direction == PM_IN ? &packet->query.flow.remote : &packet->query.flow.local;
	const __u8 *icmp = at(frame, packet->l4, 2);
	__u8 type = packet->icmp_type;
	int fine = packet->l4_length >= essential_length(type);

	if (type >= ICMPV6_ROUTER_SOLICITATION && type <= ICMPV6_NEIGHBOUR_ADVERTISEMENT) {
		fine = fine && icmp && icmp[1] == 0 && packet->hop_limit == HOP_LIMIT_MAX &&
		       packet->fragment_protocol == 0;
		return fine ? pass(PM_ESSENTIAL_NEIGHBOUR) : drop(PM_DROP_MALFORMED_ESSENTIAL);
	}
	if ((type >= ICMPV6_LISTENER_QUERY && type <= ICMPV6_LISTENER_DONE) ||
	    type == ICMPV6_LISTENER_REPORT_V2) {
		fine = fine && packet->hop_limit == 1 && packet->fragment == NOT_FRAGMENT &&
		       (is_link_local(source) || (source->high == 0 && source->low == 0));
		return fine ? pass(PM_ESSENTIAL_MULTICAST) : drop(PM_DROP_MALFORMED_ESSENTIAL);
	}
	return UNDECIDED;
}

static PM_INLINE __u32 essential_igmp(const struct frame *frame, const struct packet *packet,
				      __u32 stateless)
{
	return is_fine_igmp(frame, packet) && is_from_link(packet, stateless)
		       ? pass(PM_ESSENTIAL_MULTICAST)
		       : drop(PM_DROP_MALFORMED_ESSENTIAL);
}

/* DHCP and DHCPv6: what this host's client asks passes, and for PM_TIMEOUT_DHCP seconds what
 * answers it; of DHCPv6 from any port, for some servers and relays answer from others (RFC
 * 8415, 7.2, names only the ports that are sent to). Without state (a probe) only the client's own
 * packets pass. A guest of this host is no client of its. */
static PM_INLINE __u32 essential_dhcp(const struct packet *packet, __u32 stateless)
{
	__u32 v6 = packet->ethertype == ETH_IPV6, interface = packet->query.flow.interface;
	struct pm_dhcp *client;
	__u64 now;

	if (packet->query.flow.local_port != (v6 ? DHCPV6_CLIENT_PORT : DHCP_CLIENT_PORT) ||
	    (packet->query.flow.remote_port != (v6 ? DHCPV6_SERVER_PORT : DHCP_SERVER_PORT) &&
	     !(v6 && packet->direction == PM_IN)) ||
	    packet->handed_over)
		return UNDECIDED;
	if (stateless)
		return packet->direction == PM_OUT ? pass(PM_ESSENTIAL_DHCP) : UNDECIDED;
	client = bpf_map_lookup_elem(&dhcp, &interface);
	if (!client)
		return UNDECIDED;
	now = bpf_jiffies64();
	if (packet->direction == PM_OUT) {
		client->asked[v6] = now;
		return pass(PM_ESSENTIAL_DHCP);
	}
	if (client->asked[v6] && !is_over(client->asked[v6], now, PM_TIMEOUT_DHCP))
		return pass(PM_ESSENTIAL_DHCP);
	return UNDECIDED;
}

/* Does it look like an essential that never leaves its link? Then its own rule decides, whoever has
 * handed it over. */
static PM_INLINE int is_of_link(const struct packet *packet)
{
	__u8 protocol = packet->query.flow.protocol, type = packet->icmp_type;

	if (packet->fragment == LATER_FRAGMENT)
		return 0;
	if (packet->ethertype == ETH_IPV4)
		return protocol == IPPROTO_IGMP;
	if (packet->ethertype == ETH_IPV6)
		return protocol == PM_PROTO_ICMPV6 &&
		       ((type >= ICMPV6_LISTENER_QUERY && type <= ICMPV6_NEIGHBOUR_ADVERTISEMENT) ||
			type == ICMPV6_LISTENER_REPORT_V2);
	return 1;
}

static PM_INLINE __u32 judge_essential(const struct frame *frame, const struct packet *packet,
				       __u32 stateless)
{
	if (packet->ethertype == ETH_ARP)
		return essential_arp(frame, packet);
	if (packet->ethertype == ETH_SLOW)
		return essential_lacp(frame, packet);
	if (packet->query.flow.protocol == PM_PROTO_UDP)
		return packet->fragment == NOT_FRAGMENT ? essential_dhcp(packet, stateless)
							: UNDECIDED;
	if (packet->fragment == LATER_FRAGMENT)
		return UNDECIDED;
	if (packet->query.flow.protocol == PM_PROTO_ICMPV6 && packet->ethertype == ETH_IPV6)
		return essential_icmpv6(frame, packet);
	if (packet->query.flow.protocol == IPPROTO_IGMP && packet->ethertype == ETH_IPV4)
		return essential_igmp(frame, packet, stateless);
	return UNDECIDED;
}

/* An essential passes at its pace. Without state (a probe) there is none. */
static PM_INLINE __u32 pass_essential(const struct frame *frame, const struct packet *packet,
				      __u32 stateless)
{
	__u32 verdict = judge_essential(frame, packet, stateless);

	if (verdict == UNDECIDED || is_drop(verdict) || stateless)
		return verdict;
	if ((verdict == PM_ESSENTIAL_ARP || verdict == PM_ESSENTIAL_NEIGHBOUR) &&
	    !packet->handed_over)
		return at_pace_of_neighbours(frame, packet, verdict);
	return at_pace(packet, verdict);
}

#endif
