/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The compiled policy: one flat image in a slot of the map `images`. lookup.h asks it, in the
 * kernel and in user space.
 *
 * A policy has many addresses, ports and rows, but few kinds of them that it treats alike. The
 * compiler gives each kind a number, and a packet is looked up by these numbers:
 *
 *   address ──▶ class: which sets of the policy hold it. Local addresses and peers have classes
 *       of their own.
 *   (protocol, destination port, source port) ──▶ pair: which rows have these ports.
 *   (zone, direction, local class, pair) ──▶ decision: a list of cells, one for each peer class.
 *       Equal lists are stored once. A zone is an interface that the policy names.
 *       The last zone may be that of closed interfaces, where only failsafe rows exist.
 *   (decision, peer class) ──▶ cell: the first row that permits, or none, or blocked. Where rows
 *       with a date compete, it is a list of cells by the time at which a flow begins.
 *
 * Who writes: the compiler in policy/ makes the image, and the loader copies it into a slot that
 * no record in force names. Then nobody changes it, but for one word: `utc`.
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

/* The addresses of one family, cut into intervals that have a class each. An interval is stored as
 * its first address, its bound; the first bound is 0, and they ascend. `direct` is an index on the
 * top bits of the key, so that few bounds are left to search.
 *
 *   IPv4  the key is the address, a bound has 4 bytes; `values` is the u16 class of each interval.
 *   IPv6  the key is the upper half of the address, a bound has 8 bytes; `values` has u32 indices,
 *         one more than there are bounds. From one to the next is the run of the interval in
 *         `low_bounds` and `low_classes`, which divide it by the lower half. */
struct pm_space {
	__u32 shift; /* key >> shift indexes `direct` */
	__u32 direct; /* u32[(highest key >> shift) + 2]: index of the last bound that is not above
			 the bucket's first key */
	__u32 bounds;
	__u32 values;
	__u32 low_bounds; /* IPv6: u64; the first of each run is 0 */
	__u32 low_classes; /* IPv6: u16 */
};

/* The classes of all addresses. An image has two of them, for peers and for local addresses: there
 * are many sets of peers, but few roles. */
struct pm_classes {
	struct pm_space v4;
	struct pm_space v6;
};

enum pm_image_flag {
	PM_IMAGE_FRAGMENTS_DROP = 1,
	PM_IMAGE_HANDED_OVER_IPV6 = 2, /* IPv6 that is handed over is this host's by its source */
	PM_IMAGE_DATES = 4, /* rows have a date: what stands behind `own_filter` counts */
};

/* All offsets count bytes from the start of the image and are multiples of 8. */
struct pm_image {
	__u32 magic;
	__u32 abi; /* PM_IMAGE_VERSION */
	__u32 size; /* bytes in use */
	__u32 flags; /* enum pm_image_flag */
	__u64 generation; /* this and applied_at: written by the loader when it fills the slot */
	__u64 applied_at; /* CLOCK_REALTIME ns */
	__u8 sha256[32]; /* of the resolved policy with the contents of its file sets */
	struct pm_classes peers;
	struct pm_classes locals;
	__u32 gates[2]; /* [0] tcp, [1] udp: u8[65536] by destination port: enum pm_gate_flag */
	__u32 port_classes[2]; /* likewise: u16[65536] */
	__u32 port_first; /* u32[port classes + 1]: where the runs of a class begin in the next two
			   */
	__u32 port_bounds; /* u16: first source port of each run; of a class's first one it is 0 */
	__u32 port_pairs; /* u16: pair of each run */
	__u32 protocols; /* u16[256]: pair of each IP protocol; of tcp and udp if the ports are not
			    known */
	__u32 pairs; /* u8[pairs]: enum pm_pair_flag; pair 0 has none */
	__u32 pair_count;
	__u32 local_flags; /* u8[local classes]: enum pm_local_flag */
	__u32 local_count;
	__u32 decisions; /* u16[zone][direction][local class][pair] */
	__u32 decision_first; /* u32[decisions + 1]: where its runs begin in the next two */
	__u32 cell_bounds; /* u16: first peer class of each run; of a decision's first one it is 0
			    */
	__u32 cells; /* u16: cell of each run, PM_CELL_* or a row */
	__u32 rows; /* struct pm_row[row_count] */
	__u32 row_count;
	__u32 zone_count;
	__u32 catalog; /* text: of each row PM_ROW_TEXTS strings, each NUL-terminated */
	__u32 catalog_size;
	__u32 name; /* in the catalog's text: the policy's name, then those of its interfaces in
		       order, each NUL-terminated */
	__u32 named_zones; /* interfaces that the policy names; 0: zone 0 is all interfaces */
	__u32 document; /* the resolved policy as YAML */
	__u32 document_size;
	__u8 zones[PM_INTERFACES]; /* by interface number: its zone, or PM_NO_ZONE */
	__u64 own_filter[PM_OWN_FILTER_WORDS]; /* a bit for each own address: pm_own_bit() */
	/* Images of version 4 end here. */
	__u64 utc; /* ns from CLOCK_BOOTTIME to UTC; 0: not known, and no row with a date matches.
		      Written by the loader when it fills the slot and by `watch` when the clock was
		      set, each time by one store */
	__u32 dated_first; /* u32[lists + 1]: where each list begins in the next two */
	__u32 dated_bounds; /* u64: UTC in ns from which a cell counts; of a list's first one it is
			       0, and they ascend */
	__u32 dated_cells; /* u16: PM_CELL_NONE or a row */
	__u32 zero;
	__u8 matrix_sha256[32]; /* the same on hosts that differ in names and own addresses only */
};
PM_ASSERT(__builtin_offsetof(struct pm_image, utc) % 8 == 0, "pm_image.utc");

/* What the destination port alone tells: rows of this direction have it
 *
 *   with any source port (1 << direction), or
 *   with some source ports only (4 << direction). */
enum pm_gate_flag {
	PM_GATE_IN = 1,
	PM_GATE_OUT = 2,
	PM_GATE_MAYBE_IN = 4,
	PM_GATE_MAYBE_OUT = 8,
};

enum pm_pair_flag { PM_PAIR_IN = 1, PM_PAIR_OUT = 2 }; /* 1 << direction of the rows that have it */

enum pm_local_flag {
	PM_LOCAL_OWN = 1, /* listed in a role: this host's own address */
};

/* The first two decisions have no row for any peer. They tell why. */
#define PM_DECISION_NO_ROLE 0 /* the local address is in no role of the zone */
#define PM_DECISION_NO_ROW 1 /* it is in one, but no row has this pair */

#define PM_CELL_NONE 0
#define PM_CELL_BLOCKED 1
#define PM_CELL_ROW 2 /* a row: 2 + its number */
#define PM_CELL_FAILSAFE 0x8000 /* or-ed to a failsafe row: it decides before bans */
#define PM_CELL_DATED 0x4000 /* or-ed to the number of a list: its cell of the time counts */
#define PM_DATED_MAX 0x4000 /* lists */
PM_ASSERT(PM_CELL_ROW + PM_ROWS_MAX <= PM_CELL_DATED, "pm_image.cells");

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
	PM_ROW_TEXTS_4, /* images of version 4 end here */
	PM_TEXT_OWNER = PM_ROW_TEXTS_4,
	PM_TEXT_TICKET,
	PM_TEXT_EXPIRES, /* "2027-03-31"; empty: never */
	PM_ROW_TEXTS
};

/* The compiled bans, in a slot of the map `bans`. They change more often than the policy. */
struct pm_ban_image {
	__u32 magic;
	__u32 abi;
	__u32 size;
	__u32 expiries; /* u64 by class: CLOCK_BOOTTIME ns at which its last ban ends; of class 0
			   it is 0: not banned */
	struct pm_classes peers;
};

/* When a flow is judged. */
struct pm_moment {
	__u64 now; /* CLOCK_BOOTTIME ns, for bans; only needed if there are some */
	__u64 begun; /* UTC in ns at which the flow begins or has begun, for rows with a date; only
			needed if there are some. 0: before every date */
};
#define PM_AFTER_EVERY_DATE (~0ULL) /* pm_moment.begun where the time is not known */

/* An image in its slot; `mask` is the slot's size less 1, and bounds every read. */
struct pm_view {
	const __u8 *base;
	__u32 mask;
};

/* A verdict: up to 65535 it is the number of the row that passes; above, the reason of a drop
 * << 16. */
#define pm_drop(reason) ((__u32)(reason) << 16)
#define pm_reason_of(verdict) ((verdict) >> 16)
#define pm_row_of(verdict) ((verdict)&0xffff)

#define PM_PROTO_ICMP 1
#define PM_PROTO_TCP 6
#define PM_PROTO_UDP 17
#define PM_PROTO_ICMPV6 58

/* The seconds without a packet after which a flow is no longer live. */
static PM_INLINE __u32 pm_idle_seconds(const struct pm_flow *flow, __u32 protocol)
{
	if (protocol == PM_PROTO_TCP) {
		if (flow->marks & PM_FLOW_OVER)
			return 0;
		/* An RST may be forged, and no socket brings back what only a handshake vouches
		 * for. */
		if (flow->marks & PM_FLOW_RESET && flow->vouched != PM_VOUCH_HANDSHAKE)
			return PM_TIMEOUT_TCP_RESET;
		if (flow->marks & PM_FLOW_RESET)
			return PM_TIMEOUT_TCP_CLOSING;
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
