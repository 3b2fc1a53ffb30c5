/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The socket table. For tcp it is the truth, and the flow tables are a cache: a segment that a row
 * permits and that has no entry passes if a socket of this host vouches for it. So no connection
 * breaks when the firewall is attached to a busy host, when an entry is evicted, or after a
 * restart.
 */
#ifndef PM_SOCKET_H
#define PM_SOCKET_H

#include "packet.h"

/* In this order: see is_of_connection. */
enum socket_state {
	NO_SOCKET,
	LISTENING_SOCKET, /* a listener, and the packet has no SYN cookie of its */
	COOKIE_SOCKET, /* a listener, and the packet has its SYN cookie: a connection begins */
	UNRECORDED_SOCKET, /* in TIME_WAIT; or this host has sent its SYN, and has no answer yet */
	HALF_OPEN_SOCKET, /* a peer has sent its SYN, and has not completed the handshake */
	LIVE_SOCKET,
};

/* A listener is of no connection. */
static PM_INLINE int is_of_connection(int socket)
{
	return socket > COOKIE_SOCKET;
}

/* What is known from the socket that sends a packet (hook out only). */
enum sender_state {
	NO_SENDER, /* there is no socket, or it does not tell */
	OTHER_SENDER, /* it is of another flow, as a raw socket is, or NAT has changed the ports; or
			 another device of this host has handed the packet over */
	ESTABLISHED_SENDER, /* its connection is established */
	ABORTING_SENDER, /* it aborts, and the packet is its RST */
};

/* The sending socket is asked before any look-up, because a look-up does not find
 *
 *   - one that is bound to a VLAN or VRF device;
 *   - one that aborts: it has left the table before its RST goes by. Its port is 0 then,
 *     unless the program had bound it.
 */
static PM_INLINE enum sender_state sender_of(struct __sk_buff *skb, const struct packet *packet)
{
	const struct pm_flow_key *flow = &packet->query.flow;
	struct bpf_sock *socket = skb->sk;
	__u32 port;

	if (!socket)
		return packet->handed_over ? OTHER_SENDER : NO_SENDER;
	if (socket->dst_port != bpf_htons(flow->remote_port))
		return OTHER_SENDER;
	port = socket->src_port;
	if (socket->state == BPF_TCP_CLOSE && (packet->tcp_flags & TCP_RST) &&
	    (port == flow->local_port || port == 0))
		return ABORTING_SENDER;
	if (port != flow->local_port)
		return OTHER_SENDER;
	return socket->state == BPF_TCP_ESTABLISHED ? ESTABLISHED_SENDER : NO_SENDER;
}

/* Does the segment have a SYN cookie that the listener gave out? Then the listener makes a socket
 * of it, as often as it comes in the two minutes that a cookie lives (tcp_syncookies.txt of Linux).
 * A FIN or a fragment of one is taken too. */
static PM_INLINE int carries_cookie(struct xdp_md *ctx, const struct packet *packet,
				    struct bpf_sock *listener)
{
	struct frame frame = xdp_frame(ctx);
	void *ip = at(&frame, packet->l3, sizeof(struct ipv6hdr));
	struct tcphdr *tcp = at(&frame, packet->l4, sizeof(*tcp));

	if (!ip || !tcp || (packet->tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
		return 0;
	if (packet->ethertype == ETH_IPV4)
		return !bpf_tcp_check_syncookie(listener, ip, sizeof(struct iphdr), tcp,
						sizeof(*tcp));
	return !bpf_tcp_check_syncookie(listener, ip, sizeof(struct ipv6hdr), tcp, sizeof(*tcp));
}

/* Look up the socket of the packet's flow. `ctx` is a struct xdp_md or a struct __sk_buff; `hook`
 * is a constant. */
static PM_INLINE enum socket_state find_socket(void *ctx, const struct packet *packet, __u32 hook)
{
	const struct pm_flow_key *flow = &packet->query.flow;
	enum socket_state found = LIVE_SOCKET;
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 state;

	if (pm_is_v4(&flow->local)) {
		tuple.ipv4.saddr = bpf_htonl((__u32)flow->remote.low);
		tuple.ipv4.daddr = bpf_htonl((__u32)flow->local.low);
		tuple.ipv4.sport = bpf_htons(flow->remote_port);
		tuple.ipv4.dport = bpf_htons(flow->local_port);
		socket =
			bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		to_v6(&flow->remote, tuple.ipv6.saddr);
		to_v6(&flow->local, tuple.ipv6.daddr);
		tuple.ipv6.sport = bpf_htons(flow->remote_port);
		tuple.ipv6.dport = bpf_htons(flow->local_port);
		socket =
			bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	if (!socket)
		return NO_SOCKET;
	state = socket->state;
	if (state == BPF_TCP_LISTEN)
		found = hook == PM_IN && carries_cookie(ctx, packet, socket) ? COOKIE_SOCKET
									     : LISTENING_SOCKET;
	else if (state == BPF_TCP_NEW_SYN_RECV || state == BPF_TCP_SYN_RECV)
		found = HALF_OPEN_SOCKET;
	else if (state == BPF_TCP_SYN_SENT || state == BPF_TCP_TIME_WAIT)
		found = UNRECORDED_SOCKET;
	bpf_sk_release(socket);
	return found;
}

/* Verified once for each hook. Return enum socket_state. */
__noinline int find_socket_xdp(struct xdp_md *ctx, const struct packet *packet)
{
	return packet ? find_socket(ctx, packet, PM_IN) : NO_SOCKET;
}

__noinline int find_socket_skb(struct __sk_buff *skb, const struct packet *packet)
{
	return packet ? find_socket(skb, packet, PM_OUT) : NO_SOCKET;
}

#endif
