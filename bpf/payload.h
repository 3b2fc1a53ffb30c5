/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a row may demand of the first payload of a flow's opener. Nothing is ever asked of a
 * flow that goes on: raw media, keepalives and multiplexed frames fit no fixed pattern.
 *
 * Sources: RFC 8446 (records), RFC 8489 (STUN), RFC 6062 (TCP relays), RFC 7983 (first bytes),
 * RFC 6347 (DTLS), MS-TURN 2.2 and 3.1 (no cookie at offset 4, no padding, a cookie attribute
 * first, 0xFF10 frames, pseudo-TLS), MS-ICE2 (checks without a cookie), RFC 3261 and 6263 (SIP,
 * keepalives).
 */
#ifndef PM_PAYLOAD_H
#define PM_PAYLOAD_H

#include "packet.h"

#define PAYLOAD_BYTES 28 /* STUN's header and the attribute behind it */

struct payload {
	__u8 byte[32]; /* a power of two: its bound is a mask */
	__u32 here; /* bytes that are in `byte` */
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

/* A TLS ClientHello; of a first segment that is shorter, as much of it as there is. */
static PM_INLINE int is_tls(const struct payload *p)
{
	return p->here >= 1 && p->byte[0] == 0x16 && (p->here < 2 || p->byte[1] == 3) &&
	       (p->here < 3 || p->byte[2] <= 4) && (p->here < 6 || p->byte[5] == 1);
}

static PM_INLINE int is_dtls(const struct payload *p)
{
	return p->here >= 13 && p->byte[0] == 22 && p->byte[1] == 0xfe;
}

static PM_INLINE int is_stun(const struct payload *p)
{
	__u32 type = payload_u16(p, 0);

	/* A stream may bring the header in pieces; TCP relayed by TCP begins with ConnectionBind.
	 */
	if (p->protocol == PM_PROTO_TCP)
		return p->here >= 1 && p->byte[0] == 0 &&
		       (p->here < 2 || p->byte[1] == 1 || p->byte[1] == 3 || p->byte[1] == 11) &&
		       (p->here < 8 || payload_u32(p, 4) == 0x2112a442);
	return p->here >= 20 && (type == 1 || type == 3) && payload_u32(p, 4) == 0x2112a442 &&
	       payload_u16(p, 2) == p->length - 20 && p->length % 4 == 0;
}

static PM_INLINE int is_msturn_datagram(const struct payload *p)
{
	__u32 type = payload_u16(p, 0);

	if (type == 0xff10)
		return p->here >= 12 && payload_u16(p, 2) == p->length - 4;
	if (p->here < 20 || (type != 1 && type != 3 && type != 4 && type != 6) ||
	    payload_u16(p, 2) != p->length - 20)
		return 0;
	return type == 1 || payload_u32(p, 4) == 0x2112a442 ||
	       (p->here >= 28 && payload_u32(p, 20) == 0x000f0004 &&
		payload_u32(p, 24) == 0x72c64bc6);
}

/* Pseudo-TLS of MS-TURN and of Google, or framing without it. */
static PM_INLINE int is_msturn_stream(const struct payload *p)
{
	if (is_tls(p))
		return 1;
	if (p->byte[0] == 0x80)
		return p->here < 2 || p->byte[1] == 0x46;
	return (p->byte[0] == 2 || p->byte[0] == 3) && (p->here < 2 || p->byte[1] == 0);
}

static PM_INLINE int is_rtp(const struct payload *p)
{
	__u8 first = p->byte[0];

	if (first >= 128 && first <= 191)
		return p->length >= 8;
	return p->here >= 1 && (first <= 3 || (first >= 16 && first <= 63));
}

static PM_INLINE int is_sip(const struct payload *p)
{
	__u8 first = p->byte[0];

	if (p->protocol == PM_PROTO_UDP && (p->length == 0 || (p->here >= 1 && first <= 3)))
		return 1; /* keepalives: empty, NUL, STUN */
	return p->here >= 1 && ((first >= 'A' && first <= 'Z') || first == '\r' || first == '\n');
}

/* 1: the payload is what `check` (enum pm_check) demands. */
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

/* `hook` is a constant: the helper differs. */
static PM_INLINE int fits(void *ctx, const struct packet *packet, __u32 check, __u32 hook)
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

		/* Linux 6.1 forgets the compares above, but not a mask. */
		asm volatile("" : "+r"(here));
		here = ((here - 1) & 31) + 1;
		failed = hook == PM_IN ? bpf_xdp_load_bytes(ctx, offset, payload.byte, here)
				       : bpf_skb_load_bytes(ctx, offset, payload.byte, here);
		payload.here = failed ? 0 : here;
	}
	return payload_fits(&payload, check);
}

#endif
