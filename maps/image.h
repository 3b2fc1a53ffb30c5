/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The compiled policy: one flat image in a slot of the map `images`, asked by lookup.h.
 *
 *   address ──▶ class (which sets of the policy hold it), for the local side and the peer
 *   (protocol, destination port, source port) ──▶ pair (which rows have these ports)
 *   (zone, direction, local class, pair) ──▶ service
 *   (service, peer class) ──▶ cell: the first row that permits, or none, or blocked
 *
 * Who writes: the compiler in policy/ builds it, the loader copies it into a slot that no
 * record in force names.
 */
#ifndef PM_IMAGE_H
#define PM_IMAGE_H

#include "abi.h"

#ifdef __cplusplus
#define PM_INLINE inline
#else
#define PM_INLINE inline __attribute__((always_inline))
#endif

#define PM_IMAGE_MAGIC 0x314d4950U /* "PIM1" */
#define PM_BANS_MAGIC 0x31424d50U /* "PMB1" */
#define PM_NO_ZONE 0xff
#define PM_OWN_FILTER_WORDS 8

/* Intervals of one address family, in order, the first starting at 0, and a direct index on the
 * key's top bits. IPv4: the key has 32 bits, a bound 4 bytes, `values` holds the u16 class of
 * each interval. IPv6: the key is the upper half, a bound 8 bytes; `values` holds u32 first
 * indices into `low_bounds`/`low_classes`, one more than there are bounds. */
struct pm_space {
	__u32 shift; /* key >> shift indexes `direct` */
	__u32 direct; /* u32[(top >> shift) + 2]: last bound not above that bucket's first key */
	__u32 bounds;
	__u32 values;
	__u32 low_bounds; /* IPv6: u64, each run starting at 0 */
	__u32 low_classes; /* IPv6: u16 */
};

/* Peers and local addresses are classed apart: there are many sets of peers and few roles. */
struct pm_classes {
	struct pm_space v4;
	struct pm_space v6;
};

enum pm_image_flag {
	PM_IMAGE_FRAGMENTS_DROP = 1,
};

/* All offsets count bytes from the start of the image and are multiples of 8. */
struct pm_image {
	__u32 magic;
	__u32 abi; /* PM_ABI_VERSION */
	__u32 size; /* bytes in use */
	__u32 flags; /* enum pm_image_flag */
	__u64 generation; /* written by the loader when the slot is filled, like applied_at */
	__u64 applied_at; /* CLOCK_REALTIME ns */
	__u8 sha256[32]; /* of the resolved policy with the contents of its file sets */
	struct pm_classes peers;
	struct pm_classes locals;
	__u32 gates[2]; /* [0] tcp, [1] udp: u8[65536] by destination port: enum pm_gate_flag */
	__u32 port_classes[2]; /* likewise: u16[65536] */
	__u32 port_first; /* u32[port classes + 1]: runs in `port_bounds` */
	__u32 port_bounds; /* u16 first source port of each run, the first of a class 0 */
	__u32 port_pairs; /* u16 pair of each run */
	__u32 protocols; /* u16[256]: pair of each other IP protocol */
	__u32 pairs; /* u8[pairs]: enum pm_pair_flag; pair 0 has none */
	__u32 pair_count;
	__u32 local_flags; /* u8[local classes]: enum pm_local_flag */
	__u32 local_count;
	__u32 decisions; /* u16[zone][direction][local class][pair] */
	__u32 decision_first; /* u32[services + 1]: runs in `cell_bounds` */
	__u32 cell_bounds; /* u16 first peer class of each run, the first of a service 0 */
	__u32 cells; /* u16 of each run: PM_CELL_* or a row */
	__u32 rows; /* struct pm_row[row_count] */
	__u32 row_count;
	__u32 zone_count;
	__u32 catalog; /* text: per row PM_ROW_TEXTS strings, each NUL-terminated */
	__u32 catalog_size;
	__u32 name; /* in the catalog's text: the policy's name, then those of its interfaces in
		       order, each NUL-terminated */
	__u32 named_zones; /* how many interfaces it names; 0: zone 0 is all of them */
	__u32 document; /* the resolved policy as YAML */
	__u32 document_size;
	__u8 zones[PM_INTERFACES]; /* interface number to zone, or PM_NO_ZONE */
	__u64 own_filter[PM_OWN_FILTER_WORDS]; /* a bit for each own address: pm_own_bit() */
};

/* What the destination port alone tells. */
enum pm_gate_flag {
	PM_GATE_IN = 1, /* 1 << direction: a row of this direction has it, from any source port */
	PM_GATE_OUT = 2,
	PM_GATE_MAYBE_IN = 4, /* 4 << direction: a row has it, from some source ports */
	PM_GATE_MAYBE_OUT = 8,
};

enum pm_pair_flag { PM_PAIR_IN = 1, PM_PAIR_OUT = 2 }; /* 1 << direction of rows with it */

enum pm_local_flag {
	PM_LOCAL_OWN = 1, /* listed in a role: this host's own address */
};

#define PM_DECISION_NO_ROLE 0 /* the local address is in no role of the zone */
#define PM_DECISION_NO_ROW 1 /* it is in one, but no row has this pair */

#define PM_CELL_NONE 0
#define PM_CELL_BLOCKED 1
#define PM_CELL_ROW 2 /* cells from here on: 2 + row number */
#define PM_CELL_FAILSAFE 0x8000 /* or-ed in: decides before bans */

enum pm_check {
	PM_CHECK_NONE,
	PM_CHECK_TLS,
	PM_CHECK_STUN,
	PM_CHECK_MSTURN,
	PM_CHECK_RTP,
	PM_CHECK_SIP
};

enum pm_row_flag {
	PM_ROW_FAILSAFE = 1,
	PM_ROW_OUT = 2, /* opened by this host */
	PM_ROW_CHECK_DROPS = 4, /* a mismatch drops; else it is counted only */
	PM_ROW_LIMIT_ROW = 8, /* the limit is the row's; else each peer's */
};

struct pm_row {
	__u16 slot; /* counter slot */
	__u8 flags; /* enum pm_row_flag */
	__u8 check; /* enum pm_check */
	__u32 limit_interval; /* microseconds a new flow costs; 0: no limit */
	__u32 limit_burst; /* new flows at once */
	__u32 text; /* offset in the catalog */
};
PM_ASSERT(sizeof(struct pm_row) == 16, "pm_row");

/* The strings of a row in the catalog, in this order. */
enum pm_row_text {
	PM_TEXT_ID,
	PM_TEXT_ROLE,
	PM_TEXT_PROTOCOL,
	PM_TEXT_TRANSPORT,
	PM_TEXT_PORT,
	PM_TEXT_SOURCE_PORT,
	PM_TEXT_SOURCE,
	PM_TEXT_DESTINATION,
	PM_ROW_TEXTS
};

/* The bans, in a slot of the map `bans`. */
struct pm_ban_image {
	__u32 magic;
	__u32 abi;
	__u32 size;
	__u32 expiries; /* u64 by class: CLOCK_BOOTTIME ns of the latest ban that covers the
			   interval; class 0 holds 0: not banned */
	struct pm_classes peers;
};

/* An image and the bound of its slot: its size less 1. */
struct pm_view {
	const __u8 *base;
	__u32 mask;
};

/* The first packet of a flow, or of the flow that a packet would belong to. */
struct pm_tuple {
	struct pm_addr local;
	struct pm_addr remote;
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	__u8 interface;
	__u8 opener; /* enum pm_direction */
	__u8 zero;
};
PM_ASSERT(sizeof(struct pm_tuple) == 40, "pm_tuple");

/* A verdict: 0-65535 is the row number of a pass, else the reason of a drop << 16. */
#define pm_drop(reason) ((__u32)(reason) << 16)
#define pm_reason_of(verdict) ((verdict) >> 16)
#define pm_row_of(verdict) ((verdict)&0xffff)

#define PM_PROTO_ICMP 1
#define PM_PROTO_TCP 6
#define PM_PROTO_UDP 17
#define PM_PROTO_ICMPV6 58

/* After how long without a packet a flow is no longer live. */
static PM_INLINE __u32 pm_idle_seconds(const struct pm_flow *flow, __u32 protocol)
{
	if (protocol == PM_PROTO_TCP) {
		if (flow->marks & PM_FLOW_OVER)
			return 0;
		if (flow->marks & PM_FLOW_RESET)
			return PM_TIMEOUT_TCP_RESET;
		if (flow->marks & (PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT))
			return PM_TIMEOUT_TCP_CLOSING;
		if (flow->marks & PM_FLOW_ESTABLISHED)
			return PM_TIMEOUT_TCP_ESTABLISHED;
		return PM_TIMEOUT_TCP_OPENING;
	}
	if (protocol == PM_PROTO_ICMP || protocol == PM_PROTO_ICMPV6)
		return PM_TIMEOUT_ECHO;
	return flow->marks & PM_FLOW_ANSWERED ? PM_TIMEOUT_OTHER_ANSWERED : PM_TIMEOUT_OTHER;
}

#endif
