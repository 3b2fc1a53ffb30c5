/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A frame as its hook hands it over; at(), the one function that reads it with a bounds check; and
 * struct packet: what parsing makes of the frame, and what the stages add.
 */
#ifndef PM_PACKET_H
#define PM_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lookup.h"
#include "wire.h"

#define IPV6_CHAIN_HEADERS 8 /* extension headers that are walked at most */
#define IPV6_CHAIN_BYTES 256 /* bytes of them at most */
/* No header that is looked at starts later. The last is that of a packet which an ICMPv6 error
 * quotes: Ethernet with two tags 22, IPv6 40 + 256, ICMPv6 8, the quoted IPv6 40 + 128. */
#define HEADERS_MAX 512

struct frame {
	void *data;
	void *end;
	__u32 length; /* of the first buffer on the way in, of the whole frame on the way out */
	struct xdp_md *xdp; /* on the way in, else null: it knows the length of the whole frame */
	__u32 wire; /* bytes on the wire: all segments, each with its headers */
	__u32 segments; /* packets on the wire: more than 1 for GSO on the way out */
	__u32 tags; /* VLAN tags in the metadata, not in `data` */
};

enum fragment_part { NOT_FRAGMENT, FIRST_FRAGMENT, LATER_FRAGMENT };

/* A query: what is asked of the policy, and which policy. */
struct query {
	struct pm_flow_key flow;
	__u16 image; /* slot in `images` */
	__u16 bans; /* 1 + slot in `bans`, 0: none */
	__u16 shadow; /* 1 + slot in `images` of the shadow policy, 0: none */
	__u8 direction; /* of the packet in hand; of an ICMP error: of the quoted packet */
	__u8 opener; /* enum pm_direction: who sent the first packet of the flow */
	__u32 sequence; /* of the epoch that named them */
	__u32 age; /* stamps since the flow began, or AGE_UNKNOWN; 0: it begins now */
};

/* The flow began before its first packet that was seen, and nobody knows when: no date of a row
 * counts. */
#define AGE_UNKNOWN 0xffffffffU

/* What the gate says of a packet (judge.h). A row could have its ports,
 *
 *   own     if the packet is of its flow's opener;
 *   answer  if it is of the other side. (A SYN never is.)
 *
 * The gate does not know addresses or interfaces: it can only rule out. */
struct gate {
	__u8 own;
	__u8 answer;
	__u8 needs_source_port; /* own and answer are a maybe: see look_up_gate */
};

/* What the policy says of a flow. */
struct judgement {
	__u32 verdict; /* as pm_judge has it: a row's number, or a drop */
	struct pm_row row; /* of a pass only */
};

/* Linux 6.1 counts 512 bytes of stack over all frames of a chain of calls, each rounded up to 32.
 * So this is the one large thing in the frame of a program, below the frames of all functions that
 * it calls; what only a stage needs is in the frame of a function of its own. */
struct packet {
	struct query query; /* about the packet's flow; of an ICMP error: the quoted one */
	__u32 bytes; /* IP bytes on the wire, of all segments; not IP: bytes behind the frame's
			header */
	__u32 segments;
	__u32 fragment_id;
	__u16 ethertype;
	__u16 l3; /* offsets in the frame */
	__u16 l4;
	__u16 payload; /* offset, of tcp and udp */
	__u16 l4_length; /* bytes from l4 to the end of the IP packet */
	__u16 payload_length; /* as the header says */
	__u16 payload_here; /* bytes in this packet: a fragment has less */
	__u8 direction;
	__u8 tcp_flags;
	__u8 icmp_type; /* of ICMP in IPv4 and of ICMPv6 in IPv6 */
	__u8 hop_limit;
	__u8 fragment; /* enum fragment_part */
	__u8 fragment_protocol; /* as the fragment itself says; also of IPv6's atomic one; else 0 */
	__u8 echo_reply;
	__u8 multicast_frame;
	__u8 handed_over; /* 1: this host sends what another of its devices received */
	__u8 sender; /* enum sender_state; 0 on the way in */
	/* For conclude.h: */
	__u8 opened; /* 1: it opened a flow */
	__u8 mismatched; /* 1: its payload is not what the row demands */
	__u8 shadow; /* reason by which the shadow policy drops it, else 0 */
	__u8 audit; /* 1: nothing is dropped */
	struct gate gate;
	struct judgement judged;
};

/* `size` bytes at `offset`, or null. The barrier keeps the compare with HEADERS_MAX in its place:
 * clang would move it to where the verifier of Linux 6.1 has forgotten its result. A constant
 * offset needs no compare. */
static PM_INLINE void *at(const struct frame *frame, __u32 offset, __u32 size)
{
	void *start;

	if (!__builtin_constant_p(offset))
		asm volatile("" : "+r"(offset));
	if (offset > HEADERS_MAX)
		return NULL;
	start = frame->data + offset;
	if (start + size > frame->end)
		return NULL;
	return start;
}

/* Is `offset` not behind the end of the frame? Most frames have one buffer, so the first compare
 * decides. */
static PM_INLINE int ends_within(const struct frame *frame, __u32 offset)
{
	return offset <= frame->length ||
	       (frame->xdp && offset <= bpf_xdp_get_buff_len(frame->xdp));
}

static PM_INLINE struct pm_addr address_v4(__be32 address)
{
	struct pm_addr value = {0, PM_V4_PREFIX | bpf_ntohl(address)};
	return value;
}

static PM_INLINE struct pm_addr address_v6(const struct in6_addr *address)
{
	const __u32 *word = address->in6_u.u6_addr32;
	struct pm_addr value = {
		(__u64)bpf_ntohl(word[0]) << 32 | bpf_ntohl(word[1]),
		(__u64)bpf_ntohl(word[2]) << 32 | bpf_ntohl(word[3]),
	};
	return value;
}

static PM_INLINE void to_v6(const struct pm_addr *address, __be32 word[4])
{
	word[0] = bpf_htonl(address->high >> 32);
	word[1] = bpf_htonl((__u32)address->high);
	word[2] = bpf_htonl(address->low >> 32);
	word[3] = bpf_htonl((__u32)address->low);
}

static PM_INLINE int is_same(const struct pm_addr *one, const struct pm_addr *other)
{
	return one->high == other->high && one->low == other->low;
}

static PM_INLINE int is_link_local(const struct pm_addr *address)
{
	return address->high >> (64 - LINK_LOCAL_BITS) == LINK_LOCAL_PREFIX;
}

static PM_INLINE void set_addresses(struct query *query, struct pm_addr source,
				    struct pm_addr destination)
{
	int in = query->direction == PM_IN;

	query->flow.local = in ? destination : source;
	query->flow.remote = in ? source : destination;
}

static PM_INLINE void set_ports(struct query *query, __u16 source, __u16 destination)
{
	int in = query->direction == PM_IN;

	query->flow.local_port = in ? destination : source;
	query->flow.remote_port = in ? source : destination;
}

/* An echo has no ports. In their place are its identifier and the direction of its request: a
 * peer's request that reuses the identifier of our own ping is another flow. */
static PM_INLINE void set_echo(struct query *query, __u16 identifier, int reply)
{
	query->flow.local_port = identifier;
	query->flow.remote_port = reply ? !query->direction : query->direction;
}

/* ICMP of the packet's own IP version. ICMP in IPv6 and ICMPv6 in IPv4 are protocols like any. */
static PM_INLINE int is_icmp(const struct packet *packet)
{
	return packet->query.flow.protocol ==
	       (packet->ethertype == ETH_IPV4 ? PM_PROTO_ICMP : PM_PROTO_ICMPV6);
}

static PM_INLINE int echo_request_type(int v4)
{
	return v4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST;
}

static PM_INLINE int echo_reply_type(int v4)
{
	return v4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
}

static PM_INLINE int is_echo(const struct packet *packet)
{
	return packet->echo_reply ||
	       packet->icmp_type == echo_request_type(packet->ethertype == ETH_IPV4);
}

static PM_INLINE int is_syn(const struct packet *packet)
{
	return packet->query.flow.protocol == PM_PROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static PM_INLINE int is_synack(const struct packet *packet)
{
	return packet->query.flow.protocol == PM_PROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

/* Can a packet of this kind open a flow, if a row permits it? */
static PM_INLINE int can_open(const struct packet *packet)
{
	if (packet->fragment == LATER_FRAGMENT || packet->echo_reply)
		return 0;
	return packet->query.flow.protocol != PM_PROTO_TCP || is_syn(packet);
}

/* Such a packet opens no flow: whoever answers does so from another address. */
static PM_INLINE int is_multicast_flow(const struct packet *packet)
{
	return pm_is_multicast(&packet->query.flow.local) ||
	       pm_is_multicast(&packet->query.flow.remote);
}

/* The frame of a hook. */
static PM_INLINE struct frame xdp_frame(struct xdp_md *ctx)
{
	struct frame frame = {
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.length = ctx->data_end - ctx->data,
		.xdp = ctx,
		.segments = 1,
	};

	frame.wire = frame.length;
	return frame;
}

static PM_INLINE struct frame skb_frame(struct __sk_buff *skb)
{
	__u32 segments = skb->gso_segs, wire = skb->wire_len, length = skb->len;
	struct frame frame = {
		.data = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
		.length = length,
		.segments = 1,
		.tags = skb->vlan_present,
	};

	/* Keeps the loads above. Else clang computes which field of the context to load, and the
	 * verifier refuses a computed context pointer. */
	asm volatile("" : "+r"(segments), "+r"(wire), "+r"(length));
	frame.wire = length;
	if (segments > 1) {
		frame.segments = segments;
		frame.wire = wire;
	}
	return frame;
}

#define LINEAR_MIN 54 /* Ethernet, IPv4, TCP; in the stack's own frames all headers are linear */

/* Make the headers readable. A frame from a packet socket may have them in pages, even a short one:
 * if it is from a ring, only its Ethernet header is linear. */
static PM_INLINE void pull_headers(struct __sk_buff *skb)
{
	__u32 linear = (void *)(long)skb->data_end - (void *)(long)skb->data;

	if (linear < LINEAR_MIN && linear < skb->len)
		bpf_skb_pull_data(skb, skb->len < HEADERS_MAX ? skb->len : HEADERS_MAX);
}

/* `ctx` is a struct xdp_md on the way in, a struct __sk_buff on the way out; `hook` is a
 * constant. */
static PM_INLINE struct frame frame_of(void *ctx, __u32 hook)
{
	return hook == PM_IN ? xdp_frame(ctx) : skb_frame(ctx);
}

#endif
