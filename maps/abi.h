/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the loader and the programs share through maps: the layout of every map value except the
 * policy image (image.h), the paces of essentials (paces.h) and where addresses are (places.h). It
 * is read by C (clang -target bpf) and by C++. Widths are fixed, there is no hidden padding, and
 * numbers are in host byte order unless a comment says otherwise.
 *
 * Who writes:
 *
 *   the loader    `control`, `abi`, `images`, `bans`, `interfaces`, `places`, `question`
 *   the programs  the flow tables, `handshakes`, `promotions`, `fragments`, `limits`,
 *                 `row_limits`, `paces`, `neighbours`, `dhcp`, counters, events
 *   a consumer    of events: the entry of its ring in `rings`, and `monitored` in `control`
 *
 * The loader also clears what an interface, a row or a shadow policy would inherit from one that
 * had its number before: flows, counters, `dhcp`, `neighbours`, `row_limits`. Nothing else
 * writes anything.
 *
 * A loader meets maps that another release has pinned. So names of maps, sizes and offsets may
 * only change together with PM_ABI_VERSION.
 */
#ifndef PM_ABI_H
#define PM_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define PM_ASSERT(condition, text) static_assert(condition, text)
#else
#define PM_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* The version of all layouts, in a pinned map of its own. A loader compares it first: libbpf would
 * silently use a pinned map of the same size but another layout. Raise it with every change of a
 * layout here, in another file of this folder or of a map, and say in loader/attach/layouts.cpp
 * what has changed: by that a newer release takes over what an older one has attached. */
#define PM_ABI_VERSION 6
/* The version of image.h alone. A change there raises both. A stored image of a version that is not
 * read any more is compiled anew. */
#define PM_IMAGE_VERSION 5
#define PM_IMAGE_OLDEST 4 /* that is read: it has no rows with a date */

#define PM_INTERFACES 16 /* interfaces under one policy */
#define PM_RECORD_BITS 4 /* the low bits of an epoch, which choose its record */
#define PM_RECORDS (1 << PM_RECORD_BITS) /* epoch records */
#define PM_IMAGE_SLOTS 3 /* in force, its fallback, and one to build in */
#define PM_ROW_SLOTS 32768 /* counter slots of rows on an interface, essentials included */
/* Rows of one policy: half of the slots, so that no slot is used again while the policy before
 * still counts in it. */
#define PM_ROWS_MAX 16000
#define PM_FIRST_ROW_SLOT 16 /* slots below belong to essentials.def */
#define PM_REASON_SLOTS 64 /* room for reasons.def in the drop counters */
/* One ring for each reader: two readers of one ring would take events from each other. */
#define PM_EVENT_RINGS 8
#define PM_EVENT_BYTES 128 /* of the packet that an event holds at most */
#define PM_EVENT_RING_BYTES (256 << 10)
#define PM_EVENT_BURST 1024 /* events that a CPU sends to a ring in 1/8 s; more are lost */

/* Stamps of flows count units of 16 jiffies: 16 to 160 ms. In 32 bits they do not wrap within two
 * years. */
#define PM_STAMP_SHIFT 4

/* Seconds without a packet after which a flow is no longer live. man/table makes a list of these
 * lines. */
#define PM_TIMEOUT_TCP_OPENING 60 /* TCP that is not established yet */
#define PM_TIMEOUT_TCP_ESTABLISHED (2 * 3600 + 4 * 60) /* TCP that is established */
#define PM_TIMEOUT_TCP_CLOSING (4 * 60) /* TCP after a FIN of either side */
#define PM_TIMEOUT_TCP_RESET 10 /* TCP after a RST */
#define PM_TIMEOUT_ECHO 30 /* a ping */
#define PM_TIMEOUT_OTHER (2 * 60) /* UDP and others, while only the opener has sent */
#define PM_TIMEOUT_OTHER_ANSWERED (5 * 60) /* UDP and others, once the other side has sent */
#define PM_TIMEOUT_FRAGMENT 30
#define PM_TIMEOUT_DHCP 60

/* How fast flows of one kind (pm_promotion_index) enter the table `assured`: as many as the table
 * has entries in PM_PROMOTION_SECONDS, and as many as are due in PM_PROMOTION_BURST seconds at
 * once. Schedules count jiffies64 << PM_PACE_SHIFT. */
#define PM_PROMOTIONS 4
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

/* A flow, seen from this host, so that both hooks make the same key. Protocols without ports:
 *
 *   echo    local_port is the identifier, remote_port the direction of the request. So a peer's
 *           request that reuses the identifier of our own ping is another flow.
 *   others  both are 0.
 */
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
	PM_FLOW_CUT = 1, /* it was judged anew, and dropped; not live */
	PM_FLOW_ANSWERED = 2, /* not tcp: the side that did not open it has sent something */
	PM_FLOW_ESTABLISHED = 4, /* tcp: this host's stack or the handshake said so */
	PM_FLOW_FIN_IN = 8,
	PM_FLOW_FIN_OUT = 16,
	PM_FLOW_RESET = 32, /* the last segment was an RST */
	PM_FLOW_ENDING = 64, /* tcp: an RST or FIN was seen, from either side; stays until the
				next connection of these ends opens (bpf/reopen.h) */
	PM_FLOW_OVER = 128, /* tcp: this host has opened another connection of these ends; not
			       live */
};

#define PM_FLOW_CHECK_DROPS 0x80 /* in `check`: a mismatch drops, else it is counted only */
#define PM_FLOW_CHECK_AFTER_SYNACK 0x40 /* in `check_after_synack`: there is one */

/* Written by the programs only; see bpf/flow_table.h. */
struct pm_flow {
	__u64 packets[2]; /* by enum pm_direction */
	__u64 bytes[2]; /* IP bytes */
	__u32 epoch; /* low half of the sequence (pm_sequence) under which it was last passed */
	__u32 start; /* stamp (jiffies64 >> PM_STAMP_SHIFT) of its first packet */
	__u32 last; /* stamp of its last packet */
	__u16 row; /* counter slot of the row that admitted it */
	__u8 opener; /* enum pm_direction */
	__u8 moved; /* 1: promoted, so that `assured` counts it; neither live nor listed. A byte of
		       its own, so that no other store can undo it */
	__u8 marks; /* enum pm_flow_mark */
	__u8 tcp_flags[2]; /* all flags that were seen, by enum pm_direction */
	__u8 shadow; /* reason by which the shadow policy of its epoch drops it; else 0 */
	__u8 check; /* tcp: what the opener's first payload must be, enum pm_check of its row,
		       or-ed with PM_FLOW_CHECK_DROPS; 0: nothing, or it was checked */
	__u8 check_after_synack; /* tcp: what `check` becomes with this host's next SYN-ACK,
		      or-ed with PM_FLOW_CHECK_AFTER_SYNACK; 0: it stays. Layouts before this
		      field have zero here */
	__u8 vouched; /* tcp: enum pm_vouch. Layouts before this field have zero here */
	__u8 older; /* 1: it began before its entry, nobody knows when: a socket vouched for it.
		       Layouts before this field have zero here */
};
PM_ASSERT(sizeof(struct pm_flow) == 56, "pm_flow");

/* Who says that a tcp flow is established (bpf/handshake.h). */
enum pm_vouch {
	PM_VOUCH_NONE = 0, /* if anybody, a socket of this host */
	PM_VOUCH_AWAITED = 1, /* its handshake is under way, and no socket of this host is in it */
	PM_VOUCH_HANDSHAKE = 2, /* its handshake was seen from both sides */
};

/* The index in `promotions` of a flow: its opener, and does a handshake vouch for it? */
static inline __u32 pm_promotion_index(const struct pm_flow *flow)
{
	return (flow->vouched == PM_VOUCH_HANDSHAKE) * 2 + (flow->opener & 1);
}

/* What a first fragment that passed leaves for the later ones (bpf/fragment.h). */
struct pm_fragment_key {
	struct pm_addr source;
	struct pm_addr destination;
	__u32 id; /* IPv4: the 16-bit identification */
	__u8 protocol; /* as in the IPv4 header, or in the IPv6 fragment header */
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

/* Whose new flows are charged to a row's limit by peer (bpf/limit.h). The value is a __u64, as in
 * `row_limits`: the CLOCK_MONOTONIC ns at which the next flow is on schedule. */
struct pm_limit_key {
	struct pm_addr peer; /* IPv6: its /64 */
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

/* What a shadow policy judges otherwise than the policy in force. The value is a pm_shadow_count
 * for each CPU. */
struct pm_shadow_key {
	__u16 row; /* counter slot: of the row in force that passes it, or of the shadow's row that
		      would */
	__u8 reason; /* why the shadow would drop it; 0: it would pass it */
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

/* What an epoch stands for. It does not change while the epoch in force, or its fallback, names it.
 */
struct pm_record {
	__u8 image; /* slot in `images` */
	__u8 bans; /* 1 + slot in `bans`; 0: there are none */
	__u8 shadow; /* 1 + slot in `images` of the shadow policy; 0: none */
	__u8 mode; /* enum pm_mode */
	__u16 interfaces; /* 1 << number of each that is filtered; on others the mode is off */
	__u16 rollbacks; /* policies rolled back since the first attach, this record included */
	__u64 deadline; /* CLOCK_BOOTTIME ns after which `fallback` is in force; 0: none */
	__u64 fallback; /* an epoch, with a record of its own and a higher sequence than this one */
};
PM_ASSERT(sizeof(struct pm_record) == 24, "pm_record");
PM_ASSERT(PM_INTERFACES <= 16, "pm_record.interfaces");

/* The one value of `control`. An epoch is a sequence number and the index of a record (pm_epoch). A
 * program loads it once for each packet, so one 64-bit store publishes a change to every hook of
 * every interface. */
struct pm_control {
	__u64 epoch;
	__u64 monitored; /* jiffies64 until which some ring may be armed; 0: none is */
	struct pm_record records[PM_RECORDS];
};
PM_ASSERT(sizeof(struct pm_control) == 16 + PM_RECORDS * 24, "pm_control");

/* The one value of `abi`. Whatever else changes, its first four bytes are the version. */
struct pm_build {
	__u32 abi; /* PM_ABI_VERSION of the release that made the maps */
	__u32 programs; /* hash of the object that the attached programs come from */
	char release[24]; /* the release that it was part of; NUL-terminated. Layout 3 has no such
			     field */
};
PM_ASSERT(sizeof(struct pm_build) == 32, "pm_build");

/* An epoch is put together and taken apart here and nowhere else. */
static inline __u64 pm_epoch(__u64 sequence, __u32 index)
{
	return sequence << PM_RECORD_BITS | index;
}

static inline __u32 pm_record_index(__u64 epoch)
{
	return (__u32)(epoch & (PM_RECORDS - 1));
}

/* The low half of the sequence; compare two by their difference. */
static inline __u32 pm_sequence(__u64 epoch)
{
	return (__u32)(epoch >> PM_RECORD_BITS);
}

/* What an interface's number stands for. The loader and `watch` write it; the exporter, which may
 * not ask the kernel, reads it. */
struct pm_interface {
	__u32 ifindex; /* 0: the interface is absent; without a name the number is free */
	__u8 ingress; /* enum pm_attachment, at the last check */
	__u8 egress;
	__u8 generic; /* 1: generic XDP is wanted */
	__u8 stranger; /* 1: no interface of the policy, but closed while one is missing. Layouts
			  before this field have zero here */
	char name[16]; /* NUL-terminated */
	__u64 checked; /* CLOCK_BOOTTIME ns when `watch` last saw `ingress` and `egress`; 0: never
			*/
};
PM_ASSERT(sizeof(struct pm_interface) == 32, "pm_interface");

enum pm_attachment {
	PM_DETACHED = 0,
	PM_XDP_NATIVE = 1,
	PM_XDP_GENERIC = 2,
	PM_TCX = 3,
	PM_CLSACT = 4,
};

/* When the DHCP client of an interface last sent something. Its two programs share it: answers pass
 * for PM_TIMEOUT_DHCP seconds. */
struct pm_dhcp {
	__u64 asked[2]; /* jiffies64; [0] DHCP, [1] DHCPv6; 0: never */
};
PM_ASSERT(sizeof(struct pm_dhcp) == 16, "pm_dhcp");

/* A probe: which slots a probe program (pm_ask_in, pm_ask_out) judges by, as which interface. The
 * one value of the map `question`. Names of pinned maps and programs stay as they are. */
struct pm_probe {
	__u32 image; /* slot in `images` */
	__u32 bans; /* 1 + slot in `bans`; 0: none */
	__u32 interface; /* number */
	__u32 zero;
};
PM_ASSERT(sizeof(struct pm_probe) == 16, "pm_probe");

/* What a consumer wants in its ring (bpf/event.h). Only the consumer that holds the ring's lock
 * writes here. */
struct pm_ring {
	__u64 until; /* jiffies64 until which the ring is armed, even if its consumer dies */
	__u64 reasons; /* 1 << reason, of each that is wanted */
	struct pm_addr peer; /* if `by_peer` is set: the only peers that are wanted */
	__u16 row; /* counter slot of the only row that is wanted; 0: all, and drops without row */
	__u16 interfaces; /* 1 << number, of each that is wanted */
	__u8 by_peer; /* 1 + how many low bits of `peer` are not compared, 127 at most; 0: any
			 peer. Programs before this was a number compare all bits */
	__u8 zero[3];
};
PM_ASSERT(sizeof(struct pm_ring) == 40, "pm_ring");
PM_ASSERT(PM_REASON_SLOTS <= 64, "pm_ring.reasons");

/* Counts of a ring, per CPU. */
struct pm_ring_count {
	__u64 lost; /* packets that the ring wanted and did not get; only grows */
	__u64 window; /* jiffies64 when the current 1/8 s began */
	__u64 events; /* sent since then */
};
PM_ASSERT(sizeof(struct pm_ring_count) == 24, "pm_ring_count");

/* A dropped packet, for `monitor`. Sent only while a consumer's ring is armed. */
struct pm_event {
	__u64 time; /* CLOCK_BOOTTIME ns */
	__u64 epoch; /* sequence (pm_sequence) under which it was judged */
	__u32 length; /* IP bytes, of all segments */
	__u32 frame; /* bytes of the whole frame */
	__u16 row; /* counter slot; 0: no row is known */
	__u16 captured; /* bytes of `packet` */
	__u32 segments; /* packets on the wire: a GSO packet on the way out is many */
	__u8 reason;
	__u8 direction;
	__u8 interface;
	__u8 audit; /* 1: would have been dropped */
	__u8 zero[4];
	__u8 packet[PM_EVENT_BYTES];
};
PM_ASSERT(sizeof(struct pm_event) == 168, "pm_event");

#endif
