/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What crosses the kernel boundary: the layout of every map value but the policy image
 * (image.h). Valid in C (clang -target bpf) and in C++; fixed widths, no hidden padding,
 * numbers in host byte order unless said otherwise.
 *
 * Who writes: the loader writes `control` and images; the programs write flows, fragments,
 * counters and events; a consumer of events writes its ring's entry and `control`'s `monitored`.
 * Nothing else writes anything.
 */
#ifndef PM_ABI_H
#define PM_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define PM_ASSERT(condition, text) static_assert(condition, text)
#else
#define PM_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Stands in a pinned map of its own: libbpf takes a map of another layout but the same size
 * silently, so a loader compares this first. Raise it with every change of this file, of
 * image.h or of the maps. */
#define PM_ABI_VERSION 3

#define PM_INTERFACES 16 /* interfaces under one policy */
#define PM_RECORD_BITS 4 /* the low bits of an epoch, which choose its record */
#define PM_RECORDS (1 << PM_RECORD_BITS)
#define PM_IMAGE_SLOTS 3 /* in force, its fallback, and one to build in */
#define PM_ROW_SLOTS 32768 /* counter slots of rows on an interface, essentials included */
#define PM_ROWS_MAX                                                                                \
	16000 /* rows of one policy; half of the slots, so that none is reused                     \
		 while the policy before still counts */
#define PM_FIRST_ROW_SLOT 16 /* slots below belong to essentials.def */
#define PM_REASON_SLOTS 64 /* room for reasons.def in the drop counters */
#define PM_EVENT_RINGS 8 /* one a consumer: two readers of one ring would rob each other */
#define PM_EVENT_BYTES 128 /* of the packet, in an event */
#define PM_EVENT_RING_BYTES (256 << 10)
#define PM_EVENT_BURST 1024 /* events that a CPU sends to a ring in 1/8 s; more are lost */

/* Stamps of flows count 16 jiffies: 16-64 ms, and no wrap within two years. */
#define PM_STAMP_SHIFT 4

/* Seconds without a packet after which a flow is no longer live. */
#define PM_TIMEOUT_TCP_OPENING 60
#define PM_TIMEOUT_TCP_ESTABLISHED (2 * 3600 + 4 * 60)
#define PM_TIMEOUT_TCP_CLOSING (4 * 60)
#define PM_TIMEOUT_TCP_RESET 10
#define PM_TIMEOUT_ECHO 30
#define PM_TIMEOUT_OTHER (2 * 60)
#define PM_TIMEOUT_OTHER_ANSWERED (5 * 60)
#define PM_TIMEOUT_FRAGMENT 30
#define PM_TIMEOUT_DHCP 60

/* How fast flows of one opener enter the table `assured`: PM_PROMOTION_BURST seconds' worth at
 * once, then all of the table's entries in PM_PROMOTION_SECONDS. Schedules count jiffies64 <<
 * PM_PACE_SHIFT. */
#define PM_PROMOTION_SECONDS 240
#define PM_PROMOTION_BURST 15
#define PM_PACE_SHIFT 16

enum pm_direction { PM_IN = 0, PM_OUT = 1 };

enum pm_mode {
	PM_MODE_OFF = 0, /* pass and count nothing: while attaching or detaching */
	PM_MODE_AUDIT = 1, /* judge and count, drop nothing */
	PM_MODE_ENFORCE = 2,
};

enum pm_reason {
	PM_UNDECIDED = 0,
#define PM_REASON(id, name, label, meaning) PM_DROP_##name = id,
#include "reasons.def"
#undef PM_REASON
};

enum pm_essential {
#define PM_ESSENTIAL(id, name, label, meaning) PM_ESSENTIAL_##name = id,
#include "essentials.def"
#undef PM_ESSENTIAL
};

/* An address as two numbers; IPv4 a.b.c.d is ::ffff:a.b.c.d. */
struct pm_addr {
	__u64 high;
	__u64 low;
};
PM_ASSERT(sizeof(struct pm_addr) == 16, "pm_addr");

#define PM_V4_PREFIX 0x0000ffff00000000ULL /* `low` of an IPv4 address; its `high` is 0 */

/* A flow, seen from this host, so that both hooks make the same key.
 * Echo: local_port is the identifier, remote_port the opener's direction (a request that reuses
 * the identifier of our own ping is another flow). Protocols without ports: both 0. */
struct pm_flow_key {
	struct pm_addr local;
	struct pm_addr remote;
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	__u8 interface; /* number given at attach, below PM_INTERFACES */
	__u16 zero;
};
PM_ASSERT(sizeof(struct pm_flow_key) == 40, "pm_flow_key");

enum pm_flow_mark {
	PM_FLOW_CUT = 1, /* its last judging was a drop; not live */
	PM_FLOW_ANSWERED = 2, /* not tcp: the side that did not open it has sent */
	PM_FLOW_ESTABLISHED = 4, /* tcp: this host's stack called it established */
	PM_FLOW_FIN_IN = 8,
	PM_FLOW_FIN_OUT = 16,
	PM_FLOW_RESET = 32, /* the last segment was an RST */
	PM_FLOW_ENDING = 64, /* tcp: an RST or FIN was seen, from whomever; until the next
				connection of its ports begins */
	PM_FLOW_OVER = 128, /* tcp: this host has begun another one of its ports; not live */
};

#define PM_FLOW_CHECK_DROPS 0x80
#define PM_FLOW_CHECK_AFTER_SYNACK 0x40 /* in `next`: there is one */

/* Written by the programs only; counters by atomic addition, the rest by plain stores. */
struct pm_flow {
	__u64 packets[2]; /* by enum pm_direction */
	__u64 bytes[2]; /* IP bytes */
	__u32 epoch; /* low half of the sequence (pm_sequence) under which it was last passed */
	__u32 start; /* stamp (jiffies64 >> PM_STAMP_SHIFT) of its first packet */
	__u32 last; /* stamp of its last packet */
	__u16 row; /* counter slot of the row that admitted it */
	__u8 opener; /* enum pm_direction */
	__u8 moved; /* 1: promoted, the table `assured` counts it; neither live nor listed.
		       A byte of its own: no other store may undo it */
	__u8 marks; /* enum pm_flow_mark */
	__u8 tcp_flags[2]; /* all flags seen, by direction */
	__u8 shadow; /* reason by which the shadow policy drops it, as of its epoch; else 0 */
	__u8 check; /* tcp, until the opener's first payload: enum pm_check of its row,
		       or-ed with PM_FLOW_CHECK_DROPS */
	__u8 check_after_synack; /* tcp: what `check` becomes with this host's SYN-ACK, or-ed with
		      PM_FLOW_CHECK_AFTER_SYNACK; 0: nothing. Zero in layouts before it */
	__u8 zero[2];
};
PM_ASSERT(sizeof(struct pm_flow) == 56, "pm_flow");

/* What a first fragment that was passed says, for the fragments that follow. */
struct pm_fragment_key {
	struct pm_addr source;
	struct pm_addr destination;
	__u32 id; /* IPv4: the 16-bit identification */
	__u8 protocol; /* what the fragment itself says: IPv4 header or IPv6 fragment header */
	__u8 interface;
	__u8 direction;
	__u8 zero;
};
PM_ASSERT(sizeof(struct pm_fragment_key) == 40, "pm_fragment_key");

struct pm_fragment {
	__u16 local_port; /* as in the flow's key */
	__u16 remote_port;
	__u8 protocol; /* after all extension headers */
	__u8 echo_reply; /* 1: the datagram answers an echo request */
	__u16 zero;
	__u64 seen; /* jiffies64 of the first fragment */
};
PM_ASSERT(sizeof(struct pm_fragment) == 16, "pm_fragment");

/* Whose new flows are counted against a row's limit; the value is a __u64: CLOCK_MONOTONIC ns at
 * which the next flow is on schedule. */
struct pm_limit_key {
	struct pm_addr peer; /* IPv6: its /64; all 0: the row's own limit */
	__u16 row; /* counter slot */
	__u8 interface;
	__u8 zero[5];
};
PM_ASSERT(sizeof(struct pm_limit_key) == 24, "pm_limit_key");

/* Per-CPU counters of a row on an interface. */
struct pm_row_count {
	__u64 packets[2]; /* by enum pm_direction */
	__u64 bytes[2];
	__u64 flows; /* flows that the row has admitted */
	__u64 mismatched; /* packets that failed the row's check */
};
PM_ASSERT(sizeof(struct pm_row_count) == 48, "pm_row_count");

/* Per-CPU counters of a reason; index pm_drop_index(). */
struct pm_drop_count {
	__u64 packets;
	__u64 bytes;
	__u64 would_packets; /* audit: would have been dropped */
	__u64 would_bytes;
};
PM_ASSERT(sizeof(struct pm_drop_count) == 32, "pm_drop_count");

/* What a shadow policy judges otherwise than the one in force; the value is a pm_shadow_count for
 * each CPU. */
struct pm_shadow_key {
	__u16 row; /* counter slot: of the row in force that passes it, or of the shadow's that
		      would */
	__u8 reason; /* why the shadow would drop it; 0: it would let it pass */
	__u8 direction; /* of the packets */
	__u8 interface;
	__u8 zero[3];
};
PM_ASSERT(sizeof(struct pm_shadow_key) == 8, "pm_shadow_key");

struct pm_shadow_count {
	__u64 packets;
	__u64 bytes;
};
PM_ASSERT(sizeof(struct pm_shadow_count) == 16, "pm_shadow_count");

#define PM_DROP_SLOTS (PM_INTERFACES * 2 * PM_REASON_SLOTS)

static inline __u32 pm_drop_index(__u32 interface, __u32 direction, __u32 reason)
{
	return (interface * 2 + direction) * PM_REASON_SLOTS + reason;
}

/* What an epoch stands for. Immutable while an epoch in force, or its fallback, names it. */
struct pm_record {
	__u8 image; /* slot in `images` */
	__u8 bans; /* 1 + slot in `bans`; 0: there are none */
	__u8 shadow; /* 1 + slot in `images` judged beside; 0: none */
	__u8 mode; /* enum pm_mode */
	__u16 interfaces; /* 1 << number of those that are filtered; on others mode is off */
	__u16 rollbacks; /* policies rolled back since the first attach, by this record too */
	__u64 deadline; /* CLOCK_BOOTTIME ns after which `fallback` is in force; 0: none */
	__u64 fallback; /* an epoch: its own record, and a sequence above this one's */
};
PM_ASSERT(sizeof(struct pm_record) == 24, "pm_record");
PM_ASSERT(PM_INTERFACES <= 16, "pm_record.interfaces");

/* The one value of `control`. An epoch is sequence << 4 | record index; a program loads it once
 * a packet, and one 64-bit store publishes a change to every hook of every interface. */
struct pm_control {
	__u64 epoch;
	__u64 monitored; /* jiffies64 until which a ring may be armed; 0: none is */
	struct pm_record records[PM_RECORDS];
};
PM_ASSERT(sizeof(struct pm_control) == 16 + PM_RECORDS * 24, "pm_control");

/* The one value of `abi`. Whatever else changes, the version stays its first four bytes. */
struct pm_build {
	__u32 abi; /* PM_ABI_VERSION of those who made the maps */
	__u32 programs; /* a hash of the object that the attached programs come from */
};
PM_ASSERT(sizeof(struct pm_build) == 8, "pm_build");

static inline __u64 pm_epoch(__u64 sequence, __u32 index)
{
	return sequence << PM_RECORD_BITS | index;
}

static inline __u32 pm_record_index(__u64 epoch)
{
	return (__u32)(epoch & (PM_RECORDS - 1));
}

static inline __u32 pm_sequence(__u64 epoch)
{
	return (__u32)(epoch >> PM_RECORD_BITS);
}

/* What an interface's number stands for; the loader and `watch` write it, the exporter (which
 * may not ask the kernel) reads it. */
struct pm_interface {
	__u32 ifindex; /* 0: this number is free */
	__u8 ingress; /* enum pm_attachment, at the last check */
	__u8 egress;
	__u8 generic; /* 1: generic XDP was asked for */
	__u8 zero;
	char name[16]; /* NUL-terminated */
	__u64 checked; /* CLOCK_BOOTTIME ns when `watch` last saw that; 0: never */
};
PM_ASSERT(sizeof(struct pm_interface) == 32, "pm_interface");

enum pm_attachment {
	PM_DETACHED = 0,
	PM_XDP_NATIVE = 1,
	PM_XDP_GENERIC = 2,
	PM_TCX = 3,
	PM_CLSACT = 4,
};

/* Shared by the two programs of an interface: when its DHCP client last asked. */
struct pm_dhcp {
	__u64 asked[2]; /* jiffies64; [0] DHCP, [1] DHCPv6; 0: never */
};
PM_ASSERT(sizeof(struct pm_dhcp) == 16, "pm_dhcp");

/* A question to the probe programs: which slots to ask, as which interface. */
struct pm_probe {
	__u32 image;
	__u32 bans; /* 1 + slot; 0: none */
	__u32 interface;
	__u32 zero;
};
PM_ASSERT(sizeof(struct pm_probe) == 16, "pm_probe");

/* What a consumer wants in its ring; it alone writes here, and holds the ring's lock. */
struct pm_ring {
	__u64 until; /* jiffies64 at which the ring is armed no more, though its consumer be dead */
	__u64 reasons; /* 1 << reason of those wanted */
	struct pm_addr peer; /* the only one wanted, where `by_peer` is set */
	__u16 row; /* counter slot of the only row wanted; 0: any or none */
	__u16 interfaces; /* 1 << number of those wanted */
	__u8 by_peer;
	__u8 zero[3];
};
PM_ASSERT(sizeof(struct pm_ring) == 40, "pm_ring");
PM_ASSERT(PM_REASON_SLOTS <= 64, "pm_ring.reasons");

/* Per-CPU, of a ring. */
struct pm_ring_count {
	__u64 lost; /* packets wanted in the ring that did not get there; only grows */
	__u64 window; /* jiffies64 when 1/8 s began */
	__u64 events; /* sent since */
};
PM_ASSERT(sizeof(struct pm_ring_count) == 24, "pm_ring_count");

/* A dropped packet, for `monitor`. Sent only while a consumer's ring is armed. */
struct pm_event {
	__u64 time; /* CLOCK_BOOTTIME ns */
	__u64 epoch; /* sequence (pm_sequence) under which it was judged */
	__u32 length; /* IP bytes, of all segments */
	__u32 frame; /* bytes of the whole frame */
	__u16 row; /* counter slot, or 0 where no row was found */
	__u16 captured; /* bytes of `packet` */
	__u32 segments; /* packets: GSO on the way out has many */
	__u8 reason;
	__u8 direction;
	__u8 interface;
	__u8 audit; /* 1: would have been dropped */
	__u8 zero[4];
	__u8 packet[PM_EVENT_BYTES];
};
PM_ASSERT(sizeof(struct pm_event) == 168, "pm_event");

#endif
