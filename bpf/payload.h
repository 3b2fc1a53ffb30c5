/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a row may demand of the first payload of a flow's opener (enum pm_check). Nothing is asked
 * of a flow that goes on: raw media, keepalives and multiplexed frames fit no fixed pattern.
 *
 * Sources:
 *
 *   RFC 8446          TLS records
 *   RFC 6347          DTLS records
 *   RFC 8489          STUN
 *   RFC 6062          TURN over TCP: ConnectionBind
 *   RFC 7983          who is who on a port of media, by the first byte
 *   MS-TURN 2.2, 3.1  no STUN cookie at offset 4, no padding, an attribute with its own cookie
 *                     first, frames of type 0xff10, pseudo-TLS
 *   MS-ICE2           checks without a cookie
 *   RFC 3261, 6263    SIP, keepalives
 */
#ifndef PM_PAYLOAD_H
#define PM_PAYLOAD_H

#include "packet.h"

#define PAYLOAD_BYTES 28 /* that are looked at: STUN's header, and MS-TURN's cookie behind it */

struct payload {
	__u8 byte[32]; /* a power of two, so that its bound can be a mask */
	__u32 here; /* bytes in `byte`; behind them are zeros */
	__u32 length; /* of the whole payload */
	__u32 protocol;
};

static PM_INLINE __u32 payload_u16(const struct payload *payload, __u32 at_)
{
	return payload->byte[at_] << 8 | payload->byte[at_ + 1];
}

static PM_INLINE __u32 payload_u32(const struct payload *payload, __u32 at_)
{
	return payload_u16(payload, at_) << 16 | payload_u16(payload, at_ + 2);
}

/* A TLS ClientHello. A first segment may be short: then only the bytes that it has are checked. */
static PM_INLINE int is_tls(const struct payload *p)
{
	return p->here >= 1 && p->byte[0] == TLS_HANDSHAKE &&
	       (p->here < 2 || p->byte[1] == TLS_MAJOR) &&
	       (p->here < 3 || p->byte[2] <= TLS_MINOR_MAX) &&
	       (p->here < 6 || p->byte[5] == TLS_CLIENT_HELLO);
}

static PM_INLINE int is_dtls(const struct payload *p)
{
	return p->here >= DTLS_RECORD_BYTES && p->byte[0] == TLS_HANDSHAKE &&
	       p->byte[1] == DTLS_MAJOR;
}

static PM_INLINE int is_stun(const struct payload *p)
{
	__u32 type = payload_u16(p, 0);

	/* A stream may bring the header in pieces. A connection that relays TCP begins with
	 * ConnectionBind. */
	if (p->protocol == PM_PROTO_TCP)
		return p->here >= 1 && p->byte[0] == 0 &&
		       (p->here < 2 || p->byte[1] == STUN_BINDING || p->byte[1] == STUN_ALLOCATE ||
			p->byte[1] == STUN_CONNECTION_BIND) &&
		       (p->here < 8 || payload_u32(p, 4) == STUN_COOKIE);
	return p->here >= STUN_HEADER_BYTES && (type == STUN_BINDING || type == STUN_ALLOCATE) &&
	       payload_u32(p, 4) == STUN_COOKIE &&
	       payload_u16(p, 2) == p->length - STUN_HEADER_BYTES && p->length % 4 == 0;
}

static PM_INLINE int is_msturn_datagram(const struct payload *p)
{
	__u32 type = payload_u16(p, 0);

	if (type == MSTURN_FRAME)
		return p->here >= MSTURN_FRAME_BYTES_MIN &&
		       payload_u16(p, 2) == p->length - MSTURN_FRAME_HEADER_BYTES;
	if (p->here < STUN_HEADER_BYTES ||
	    (type != STUN_BINDING && type != STUN_ALLOCATE && type != MSTURN_SEND &&
	     type != MSTURN_SET_ACTIVE) ||
	    payload_u16(p, 2) != p->length - STUN_HEADER_BYTES)
		return 0;
	return type == STUN_BINDING || payload_u32(p, 4) == STUN_COOKIE ||
	       (p->here >= PAYLOAD_BYTES &&
		payload_u32(p, STUN_HEADER_BYTES) == MSTURN_COOKIE_ATTRIBUTE &&
		payload_u32(p, STUN_HEADER_BYTES + 4) == MSTURN_COOKIE);
}

/* TLS, which is also how MS-TURN's pseudo-TLS looks; the pseudo-TLS of Google; or plain frames. */
static PM_INLINE int is_msturn_stream(const struct payload *p)
{
	if (is_tls(p))
		return 1;
	if (p->byte[0] == PSEUDO_TLS_FIRST)
		return p->here < 2 || p->byte[1] == PSEUDO_TLS_SECOND;
	return (p->byte[0] == MSTURN_CONTROL || p->byte[0] == MSTURN_DATA) &&
	       (p->here < 2 || p->byte[1] == 0);
}

static PM_INLINE int is_rtp(const struct payload *p)
{
	__u8 first = p->byte[0];

	if (first >= FIRST_RTP && first <= FIRST_RTP_MAX)
		return p->length >= RTP_BYTES_MIN;
	return p->here >= 1 &&
	       (first <= FIRST_STUN_MAX || (first >= FIRST_ZRTP && first <= FIRST_DTLS_MAX));
}

static PM_INLINE int is_sip(const struct payload *p)
{
	__u8 first = p->byte[0];

	if (p->protocol == PM_PROTO_UDP &&
	    (p->length == 0 || (p->here >= 1 && first <= FIRST_STUN_MAX)))
		return 1; /* a keepalive: empty, NUL bytes, or STUN */
	return p->here >= 1 && ((first >= 'A' && first <= 'Z') || first == '\r' || first == '\n');
}

/* 1: the payload is what `check` (enum pm_check) demands. A function of its own: verified once. */
__noinline int payload_fits(const struct payload *payload, __u32 check)
{
	if (!payload)
		return 0;
	switch (check) {
	case PM_CHECK_TLS:
		return is_tls(payload);
	case PM_CHECK_STUN:
		return is_stun(payload) ||
		       (payload->protocol == PM_PROTO_TCP ? is_tls(payload) : is_dtls(payload));
	case PM_CHECK_MSTURN:
		return payload->protocol == PM_PROTO_TCP
			       ? is_msturn_stream(payload) || is_stun(payload)
			       : is_msturn_datagram(payload);
	case PM_CHECK_RTP:
		return is_rtp(payload);
	case PM_CHECK_SIP:
		return is_sip(payload);
	}
	return 1;
}

/* The same of a packet. `hook` is a constant: the helpers differ. */
static PM_INLINE int check_payload(void *ctx, const struct packet *packet, __u32 check, __u32 hook)
{
	struct payload payload = {
		.length = packet->payload_length,
		.protocol = packet->query.flow.protocol,
	};
	__u32 here = packet->payload_here, offset = packet->payload;

	if (here > PAYLOAD_BYTES)
		here = PAYLOAD_BYTES;
	if (here) {
		long failed;

		/* The verifier of Linux 6.1 forgets the compares above, but not a mask. */
		asm volatile("" : "+r"(here));
		here = ((here - 1) & 31) + 1;
		failed = hook == PM_IN ? bpf_xdp_load_bytes(ctx, offset, payload.byte, here)
				       : bpf_skb_load_bytes(ctx, offset, payload.byte, here);
		payload.here = failed ? 0 : here;
	}
	return payload_fits(&payload, check);
}

/* Verified once for each hook. */
__noinline int check_payload_xdp(struct xdp_md *ctx, const struct packet *packet, __u32 check)
{
	return packet && check_payload(ctx, packet, check, PM_IN);
}

__noinline int check_payload_skb(struct __sk_buff *skb, const struct packet *packet, __u32 check)
{
	return packet && check_payload(skb, packet, check, PM_OUT);
}

static PM_INLINE int fits(void *ctx, const struct packet *packet, __u32 check, __u32 hook)
{
	return hook == PM_IN ? check_payload_xdp(ctx, packet, check)
			     : check_payload_skb(ctx, packet, check);
}

#endif
