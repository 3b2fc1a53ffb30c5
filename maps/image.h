/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The compiled policy: one flat image in a slot of the map `images`, and the lookups in it.
 * The same functions run in the kernel (clang -target bpf) and in user space (explain, expect,
 * diff, fuzzing), so that nobody has to believe that two copies agree.
 *
 * A slot is a power of two; every read is `base + (offset & mask)`, so that an image, however
 * broken, cannot be read outside its slot. Everything is a search for the last bound that is
 * not above a key: addresses to classes, source ports to pairs, peer classes to rows.
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
#include <cstring>
#define PM_INLINE inline
#define pm_copy(to, from, size) std::memcpy(to, from, size)
#else
#define PM_INLINE inline __attribute__((always_inline))
#define pm_copy(to, from, size) __builtin_memcpy(to, from, size)
#endif

#define PM_IMAGE_MAGIC 0x314d4950U /* "PIM1" */
#define PM_BANS_MAGIC 0x31424d50U /* "PMB1" */
#define PM_SEARCH_STEPS 24 /* 2^24 intervals in one bucket at most */
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
struct pm_places {
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
	struct pm_places peers;
	struct pm_places locals;
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
	__u32 services; /* u16[zone][direction][local class][pair] */
	__u32 service_first; /* u32[services + 1]: runs in `cell_bounds` */
	__u32 cell_bounds; /* u16 first peer class of each run, the first of a service 0 */
	__u32 cells; /* u16 of each run: PM_CELL_* or a row */
	__u32 rows; /* struct pm_row[row_count] */
	__u32 row_count;
	__u32 zone_count;
	__u32 catalog; /* text: per row PM_ROW_TEXTS strings, each NUL-terminated */
	__u32 catalog_size;
	__u32 name; /* NUL-terminated policy name, in the catalog's text */
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

#define PM_SERVICE_NO_ROLE 0 /* the local address is in no role of the zone */
#define PM_SERVICE_NO_ROW 1 /* it is in one, but no row has this pair */

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
	struct pm_places peers;
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

static PM_INLINE __u64 pm_load(struct pm_view view, __u32 offset, __u32 width)
{
	const __u8 *at = view.base + (offset & view.mask & ~(width - 1));

	if (width == 8) {
		__u64 value;
		pm_copy(&value, __builtin_assume_aligned(at, 8), 8);
		return value;
	}
	if (width == 4) {
		__u32 value;
		pm_copy(&value, __builtin_assume_aligned(at, 4), 4);
		return value;
	}
	if (width == 2) {
		__u16 value;
		pm_copy(&value, __builtin_assume_aligned(at, 2), 2);
		return value;
	}
	return *at;
}

/* A field of a header, at an offset below the smallest slot: no bound is needed. */
#define pm_field(view, type, field) (((const struct type *)(const void *)(view).base)->field)

/* All ones if `bound` is not above `key`, else 0. Without a branch: on random keys a branch is
 * predicted wrongly every other time, and the verifier would follow both ways at every step. */
static PM_INLINE __u32 pm_not_above(__u64 bound, __u64 key)
{
	__u64 above = (~key & bound) | ((~key | bound) & (key - bound));

	return (__u32)(above >> 63) - 1;
}

/* The index in [first, last] of the last bound that is not above `key`; the bound at `first`
 * is taken to be. `width` is a constant: 2, 4 or 8. */
static PM_INLINE __u32 pm_search(struct pm_view view, __u32 bounds, __u32 width, __u32 first,
				 __u32 last, __u64 key)
{
	__u32 count = last - first + 1;

	for (int step = 0; step < PM_SEARCH_STEPS && count > 1; step++) {
		__u32 half = count / 2;

		first += half &
			 pm_not_above(pm_load(view, bounds + (first + half) * width, width), key);
		count -= half;
	}
	return first;
}

static PM_INLINE int pm_is_v4(const struct pm_addr *address)
{
	return address->high == 0 && address->low >> 32 == 0xffff;
}

/* The class of an address in the peers or the locals of an image's header. */
static PM_INLINE __u32 pm_class(struct pm_view view, const struct pm_places *places,
				const struct pm_addr *address)
{
	int v4 = pm_is_v4(address);
	const struct pm_space *space = v4 ? &places->v4 : &places->v6;
	__u64 key = v4 ? (__u32)address->low : address->high;
	__u32 direct = space->direct + (__u32)(key >> (space->shift & 63)) * 4;
	__u32 first = (__u32)pm_load(view, direct, 4);
	__u32 last = (__u32)pm_load(view, direct + 4, 4);
	__u32 at;

	if (v4) {
		at = pm_search(view, space->bounds, 4, first, last, key);
		return (__u32)pm_load(view, space->values + at * 2, 2);
	}
	at = pm_search(view, space->bounds, 8, first, last, key);
	first = (__u32)pm_load(view, space->values + at * 4, 4);
	last = (__u32)pm_load(view, space->values + at * 4 + 4, 4) - 1;
	at = pm_search(view, space->low_bounds, 8, first, last, address->low);
	return (__u32)pm_load(view, space->low_classes + at * 2, 2);
}

/* Which rows have these ports, as the flow's opener sent them; 0: none of any kind. */
static PM_INLINE __u32 pm_pair(struct pm_view view, __u32 protocol, __u32 destination_port,
			       __u32 source_port)
{
	__u32 classes, class_, first, last;

	if (protocol != PM_PROTO_TCP && protocol != PM_PROTO_UDP)
		return (__u32)pm_load(
			view, pm_field(view, pm_image, protocols) + (protocol & 255) * 2, 2);

	classes = protocol == PM_PROTO_TCP ? pm_field(view, pm_image, port_classes[0])
					   : pm_field(view, pm_image, port_classes[1]);
	class_ = (__u32)pm_load(view, classes + (destination_port & 0xffff) * 2, 2);
	classes = pm_field(view, pm_image, port_first) + class_ * 4;
	first = (__u32)pm_load(view, classes, 4);
	last = (__u32)pm_load(view, classes + 4, 4) - 1;
	if (first < last)
		first = pm_search(view, pm_field(view, pm_image, port_bounds), 2, first, last,
				  source_port & 0xffff);
	return (__u32)pm_load(view, pm_field(view, pm_image, port_pairs) + first * 2, 2);
}

/* The pair of a flow's first packet. */
static PM_INLINE __u32 pm_tuple_pair(struct pm_view view, const struct pm_tuple *tuple)
{
	int in = tuple->opener == PM_IN;

	if ((tuple->protocol == PM_PROTO_ICMP && !pm_is_v4(&tuple->local)) ||
	    (tuple->protocol == PM_PROTO_ICMPV6 && pm_is_v4(&tuple->local)))
		return 0;
	return pm_pair(view, tuple->protocol, in ? tuple->local_port : tuple->remote_port,
		       in ? tuple->remote_port : tuple->local_port);
}

/* Do rows of this direction (on any interface) have the pair? */
static PM_INLINE int pm_pair_opens(struct pm_view view, __u32 pair, __u32 opener)
{
	return (pm_load(view, pm_field(view, pm_image, pairs) + pair, 1) >> (opener & 1)) & 1;
}

/* Addresses that are nobody's: unspecified, loopback, reserved, ::/96. */
static PM_INLINE int pm_is_martian(const struct pm_addr *address)
{
	__u32 v4 = (__u32)address->low;

	if (!pm_is_v4(address))
		return address->high == 0 && address->low >> 32 == 0; /* ::, ::1, ::a.b.c.d */
	return v4 >> 24 == 0 || v4 >> 24 == 127 || (v4 >> 28 == 15 && v4 != 0xffffffffU);
}

/* Multicast, and the limited broadcast. */
static PM_INLINE int pm_is_multicast(const struct pm_addr *address)
{
	__u32 v4 = (__u32)address->low;

	if (!pm_is_v4(address))
		return address->high >> 56 == 0xff;
	return v4 >> 28 == 14 || v4 == 0xffffffffU;
}

/* The bit of an address in the filter of own addresses. A filter that would have to hold more
 * than single addresses is all ones. */
static PM_INLINE __u32 pm_own_bit(const struct pm_addr *address)
{
	return (__u32)(((address->low ^ address->high) * 0x9e3779b97f4a7c15ULL) >> 55);
}

/* Is the address listed in a role? Most are not, and one bit tells. */
static PM_INLINE int pm_is_own(struct pm_view view, const struct pm_addr *address)
{
	__u32 bit = pm_own_bit(address), class_;

	if (!(pm_field(view, pm_image, own_filter)[bit >> 6] >> (bit & 63) & 1))
		return 0;
	class_ = pm_class(view, &pm_field(view, pm_image, locals), address);
	return pm_load(view, pm_field(view, pm_image, local_flags) + class_, 1) & PM_LOCAL_OWN;
}

/* The address checks, of a packet that goes in `direction`: a reason, or PM_UNDECIDED. */
static PM_INLINE __u32 pm_check_addresses(struct pm_view view, const struct pm_tuple *tuple,
					  __u32 direction)
{
	const struct pm_addr *source = direction == PM_IN ? &tuple->remote : &tuple->local;
	const struct pm_addr *destination = direction == PM_IN ? &tuple->local : &tuple->remote;

	if (direction == PM_IN &&
	    ((source->high == destination->high && source->low == destination->low) ||
	     pm_is_own(view, source)))
		return PM_DROP_OWN_ADDRESS_SPOOFED;
	if (pm_is_martian(source) || pm_is_multicast(source))
		return PM_DROP_BAD_SOURCE_ADDRESS;
	if (pm_is_martian(destination))
		return PM_DROP_BAD_DESTINATION_ADDRESS;
	return PM_UNDECIDED;
}

/* The cell of the matrix for a flow: PM_CELL_*; `service` tells why there is none. */
static PM_INLINE __u32 pm_cell(struct pm_view view, const struct pm_tuple *tuple, __u32 pair,
			       __u32 *service)
{
	__u32 zone = pm_field(view, pm_image, zones)[tuple->interface & (PM_INTERFACES - 1)];
	__u32 local, peer, first, last;

	peer = pm_class(view, &pm_field(view, pm_image, peers), &tuple->remote);
	*service = PM_SERVICE_NO_ROLE;
	if (zone < pm_field(view, pm_image, zone_count)) {
		local = pm_class(view, &pm_field(view, pm_image, locals), &tuple->local);
		local += (zone * 2 + (tuple->opener & 1)) * pm_field(view, pm_image, local_count);
		local = local * pm_field(view, pm_image, pair_count) + pair;
		*service = (__u32)pm_load(view, pm_field(view, pm_image, services) + local * 2, 2);
	}
	first = pm_field(view, pm_image, service_first) + *service * 4;
	last = (__u32)pm_load(view, first + 4, 4) - 1;
	first = (__u32)pm_load(view, first, 4);
	if (first < last)
		first = pm_search(view, pm_field(view, pm_image, cell_bounds), 2, first, last,
				  peer);
	return (__u32)pm_load(view, pm_field(view, pm_image, cells) + first * 2, 2);
}

/* CLOCK_BOOTTIME ns until which an address is banned; 0: it is not. */
static PM_INLINE __u64 pm_banned_until(struct pm_view bans, const struct pm_addr *address)
{
	__u32 class_ = pm_class(bans, &pm_field(bans, pm_ban_image, peers), address);

	return pm_load(bans, pm_field(bans, pm_ban_image, expiries) + class_ * 8, 8);
}

/*
 * Judge the first packet of a flow, in the one order of the contract: address checks,
 * no-service, failsafe, bans, block, matrix. `direction` is the way of the packet in hand and
 * differs from tuple->opener where an answer is asked about. `bans.base` may be null: none.
 * Limits and payload checks are not asked: they need state.
 */
static PM_INLINE __u32 pm_judge(struct pm_view view, struct pm_view bans, __u64 now,
				const struct pm_tuple *tuple, __u32 direction)
{
	__u32 reason = pm_check_addresses(view, tuple, direction);
	__u32 pair, cell, service;

	if (reason != PM_UNDECIDED)
		return pm_drop(reason);

	pair = pm_tuple_pair(view, tuple);
	if (tuple->protocol == PM_PROTO_TCP || tuple->protocol == PM_PROTO_UDP) {
		if (!pm_pair_opens(view, pair, tuple->opener))
			return pm_drop(PM_DROP_NO_SERVICE);
	} else if (pair == 0 &&
		   tuple->protocol != (pm_is_v4(&tuple->local) ? PM_PROTO_ICMP : PM_PROTO_ICMPV6)) {
		return pm_drop(PM_DROP_UNSUPPORTED_PROTOCOL);
	}

	cell = pm_cell(view, tuple, pair, &service);
	if (cell & PM_CELL_FAILSAFE)
		return (cell & ~PM_CELL_FAILSAFE) - PM_CELL_ROW;
	if (bans.base && now < pm_banned_until(bans, &tuple->remote))
		return pm_drop(PM_DROP_BANNED);
	if (cell == PM_CELL_BLOCKED)
		return pm_drop(PM_DROP_BLOCKED);
	if (cell == PM_CELL_NONE)
		return pm_drop(service == PM_SERVICE_NO_ROLE ? PM_DROP_NO_ROLE : PM_DROP_NO_ROW);
	return cell - PM_CELL_ROW;
}

/* A row of the policy by its number. */
static PM_INLINE struct pm_row pm_row_at(struct pm_view view, __u32 number)
{
	__u32 at = pm_field(view, pm_image, rows) + number * (__u32)sizeof(struct pm_row);
	struct pm_row row;

	row.slot = (__u16)pm_load(view, at, 2);
	row.flags = (__u8)pm_load(view, at + 2, 1);
	row.check = (__u8)pm_load(view, at + 3, 1);
	row.limit_interval = (__u32)pm_load(view, at + 4, 4);
	row.limit_burst = (__u32)pm_load(view, at + 8, 4);
	row.text = (__u32)pm_load(view, at + 12, 4);
	return row;
}

#endif
