/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Handshakes vouch for tcp flows where no socket of this host does: those of its guests, and those
 * whose ports NAT changes on this host. Their sockets are elsewhere, or have other ports.
 *
 *   1. This host sends a SYN or SYN-ACK without a socket of the flow (OTHER_SENDER). The number
 *      that acknowledges it goes into the map `handshakes`, and the flow is marked AWAITED.
 *   2. A segment comes in that has this number. Only who has received the first one knows it: a
 *      blind sender has one chance in 2^32. The flow is established, and marked HANDSHAKE.
 *   3. It enters `assured` at a pace of its own (flow_table.h).
 *
 * Windows are not tracked, and a flow that is not in the tables is not picked up: only a socket
 * vouches for that.
 */
#ifndef PM_HANDSHAKE_H
#define PM_HANDSHAKE_H

#include "maps.bpf.h"
#include "packet.h"
#include "socket.h"

static PM_INLINE struct tcphdr *tcp_header(const struct frame *frame, const struct packet *packet)
{
	return packet->fragment == NOT_FRAGMENT ? at(frame, packet->l4, sizeof(struct tcphdr))
						: NULL;
}

/* Step 1. A function of its own, to keep the stack small. Returns enum pm_vouch. */
__noinline int await_handshake(struct __sk_buff *skb, const struct packet *packet)
{
	struct frame frame = skb_frame(skb);
	struct pm_flow_key key;
	__u32 expected, *there;
	struct tcphdr *tcp;

	if (!packet)
		return PM_VOUCH_NONE;
	tcp = tcp_header(&frame, packet);
	if (!tcp)
		return PM_VOUCH_NONE;
	expected = bpf_ntohl(tcp->seq) + 1;
	key = packet->query.flow;
	/* In place: an update would take a new node first, and in a full map that evicts another.
	 */
	there = bpf_map_lookup_elem(&handshakes, &key);
	if (there)
		*there = expected;
	else if (bpf_map_update_elem(&handshakes, &key, &expected, BPF_NOEXIST))
		return PM_VOUCH_NONE;
	return PM_VOUCH_AWAITED;
}

/* Step 2: does the segment complete the handshake? */
__noinline int completes_handshake(struct xdp_md *ctx, const struct packet *packet)
{
	struct frame frame = xdp_frame(ctx);
	struct pm_flow_key key;
	struct tcphdr *tcp;
	__u32 *expected;

	if (!packet || (packet->tcp_flags & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return 0;
	tcp = tcp_header(&frame, packet);
	if (!tcp)
		return 0;
	key = packet->query.flow;
	expected = bpf_map_lookup_elem(&handshakes, &key);
	return expected && bpf_ntohl(tcp->ack_seq) == *expected;
}

/* Does the flow become, by this packet, one that its handshake vouches for? A SYN-ACK that is sent
 * again changes nothing, unless it may be of another connection (reopen.h). */
static PM_INLINE int is_vouched_now(void *ctx, struct pm_flow *flow, const struct packet *packet,
				    __u32 hook)
{
	if (hook == PM_OUT) {
		if (packet->sender == OTHER_SENDER && is_synack(packet) &&
		    (flow->vouched != PM_VOUCH_HANDSHAKE || flow->marks & PM_FLOW_ENDING))
			flow->vouched = await_handshake(ctx, packet);
		return 0;
	}
	if (flow->vouched != PM_VOUCH_AWAITED || !completes_handshake(ctx, packet))
		return 0;
	flow->vouched = PM_VOUCH_HANDSHAKE;
	return 1;
}

#endif
