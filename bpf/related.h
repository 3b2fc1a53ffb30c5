/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ICMP errors: one passes if the packet that it quotes belongs to a live flow, and then neither
 * refreshes nor closes that flow (RFC 5927). Everything else of ICMP that is no echo and no
 * essential is refused.
 */
#ifndef PM_RELATED_H
#define PM_RELATED_H

#include "admit.h"

static PM_INLINE int is_icmp_error(const struct packet *packet)
{
	__u8 type = packet->icmp_type;

	if (packet->ethertype == ETH_IPV4)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

/* The quoted IP header, from the view of the one who sent that packet: `packet->flow` becomes
 * the quoted flow with `direction` the quoted packet's. 0: it quotes nothing that fits. */
static PM_INLINE int parse_quoted(const struct frame *frame, const struct packet *error,
				  struct packet *quoted)
{
	__u32 l3 = error->l4 + 8, l4;
	struct pm_addr source, destination;

	if (error->ethertype == ETH_IPV4) {
		const struct iphdr *ip = at(frame, l3, sizeof(*ip));

		if (!ip || ip->version != 4 || ip->ihl < 5 || (ip->frag_off & bpf_htons(0x1fff)))
			return 0;
		source = address_v4(ip->saddr);
		destination = address_v4(ip->daddr);
		quoted->flow.protocol = ip->protocol;
		l4 = l3 + ip->ihl * 4;
	} else {
		const struct ipv6hdr *ip = at(frame, l3, sizeof(*ip));

		if (!ip || ip->version != 6)
			return 0;
		source = address_v6(&ip->saddr);
		destination = address_v6(&ip->daddr);
		quoted->flow.protocol = ip->nexthdr;
		l4 = l3 + sizeof(*ip);
	}
	if (l4 + 8 > error->l4 + error->l4_length)
		return 0;
	/* What comes in quotes what went out, and the other way round. */
	quoted->ethertype = error->ethertype;
	quoted->direction = !error->direction;
	quoted->l4 = l4;
	set_addresses(quoted, source, destination);
	return 1;
}

static PM_INLINE int parse_quoted_ports(const struct frame *frame, struct packet *quoted)
{
	const __be16 *ports = at(frame, quoted->l4, 8);
	__u8 protocol = quoted->flow.protocol, type;

	if (!ports)
		return 0;
	if (protocol == PM_PROTO_TCP || protocol == PM_PROTO_UDP) {
		set_ports(quoted, bpf_ntohs(ports[0]), bpf_ntohs(ports[1]));
		return 1;
	}
	if (!is_icmp(quoted))
		return 1;
	type = *(const __u8 *)ports;
	if (type != (quoted->ethertype == ETH_IPV4 ? 8 : 128) &&
	    type != (quoted->ethertype == ETH_IPV4 ? 0 : 129))
		return 0; /* an error about an error, or about what opens no flow */
	set_echo(quoted, bpf_ntohs(ports[2]), type == 0 || type == 129);
	return 1;
}

/* A live flow passes under the packet's epoch, or would: nothing of it is changed. */
static PM_INLINE int is_live(const struct pm_flow *flow, const struct packet *quoted,
			     const struct epoch *epoch)
{
	struct question question = {
		.flow = quoted->flow,
		.image = epoch->image,
		.bans = epoch->bans,
		.direction = quoted->direction,
	};
	struct answer answer = {};

	if (!is_older(flow, epoch))
		return 1;
	question.flow.opener = flow->opener;
	judge(&question, &answer);
	return !is_drop(answer.verdict);
}

/* A tcp flow whose entry is gone lives on in the socket table. */
static PM_INLINE int has_socket(void *ctx, struct packet *quoted, const struct epoch *epoch)
{
	struct gate anywhere = {1, 1};
	struct answer answer = {};

	if (quoted->flow.protocol != PM_PROTO_TCP)
		return 0;
	quoted->tcp_flags = TCP_ACK;
	quoted->fragment = LATER_FRAGMENT; /* its header may be cut: no cookie is looked for */
	ask_both_ways(quoted, &anywhere, epoch, &answer);
	return !is_drop(answer.verdict) && find_socket(ctx, quoted, PM_OUT) == LIVE_SOCKET;
}

static PM_INLINE __u32 pass_icmp_error(void *ctx, const struct frame *frame,
				       const struct packet *error, const struct epoch *epoch)
{
	struct gate anywhere = {1, 1};
	struct packet quoted = {};
	struct pm_flow_key key;
	struct pm_flow *flow;
	int young;

	if (error->fragment != NOT_FRAGMENT || !parse_quoted(frame, error, &quoted) ||
	    !parse_quoted_ports(frame, &quoted))
		return drop(PM_DROP_ICMP_UNRELATED);
	/* CVE-2019-5598: the quoted packet must be one of the host that is told about it. */
	if (error->direction == PM_IN ? quoted.flow.local.high != error->flow.local.high ||
						quoted.flow.local.low != error->flow.local.low
				      : quoted.flow.remote.high != error->flow.remote.high ||
						quoted.flow.remote.low != error->flow.remote.low)
		return drop(PM_DROP_ICMP_UNRELATED);
	quoted.flow.interface = pm_interface;
	key = flow_key(&quoted.flow);
	flow = find_flow(&key, &anywhere, PM_IN, stamp_now(), &young);
	if (flow ? is_live(flow, &quoted, epoch) : has_socket(ctx, &quoted, epoch))
		return pass(PM_ESSENTIAL_ICMP_ERROR);
	return drop(PM_DROP_ICMP_UNRELATED);
}

#endif
