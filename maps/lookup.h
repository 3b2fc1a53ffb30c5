/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The look-ups in an image, down to the verdict. The same functions run in the kernel (clang
 * -target bpf) and in user space (explain, expect, diff, fuzzing): so there are no two copies that
 * would have to agree.
 *
 *   - Every look-up is a search for the last bound that is not above a key: of addresses for
 *     classes, of source ports for pairs, of peer classes for cells, of times for rows with a date.
 *   - Every read is at `base + (offset & mask)`, and the size of a slot is a power of two. So no
 *     image, however broken, makes a read outside of its slot, and the verifier can see that.
 */
#ifndef PM_LOOKUP_H
#define PM_LOOKUP_H

#include "image.h"

#ifdef __cplusplus
#include <cstring>
#define pm_copy(to, from, size) std::memcpy(to, from, size)
#else
#define pm_copy(to, from, size) __builtin_memcpy(to, from, size)
#endif

/* Reads a value that decides a branch from memory, even if the compiler has it at hand. With the
 * copy at hand the verifier would know at each later branch which way it had come, and follow every
 * combination of ways: more than twice as much work. */
#define pm_anew(value) (*(const volatile __typeof__(value) *)&(value))

#define PM_SEARCH_STEPS 24 /* 2^24 intervals in one bucket at most */

/* A number of `width` bytes (1, 2, 4 or 8, a constant) at an offset in the image. */
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

/* A field of the header. It lies below the size of the smallest slot, so it needs no mask. */
#define pm_field(view, type, field) (((const struct type *)(const void *)(view).base)->field)

/* All ones if `bound` is not above `key`, else 0. Without a branch, for two reasons: with random
 * keys the CPU would predict it wrongly every other time, and the verifier would follow both ways
 * at every step. */
static PM_INLINE __u32 pm_not_above(__u64 bound, __u64 key)
{
	__u64 above = (~key & bound) | ((~key | bound) & (key - bound));

	return (__u32)(above >> 63) - 1;
}

/* The index in [first, last] of the last bound that is not above `key`. The bound at `first` is not
 * looked at: it never is above. `width` is a constant: 2, 4 or 8. */
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
	return pm_anew(address->high) == 0 && pm_anew(address->low) >> 32 == 0xffff;
}

/* The class of an address in the peers or the locals of an image's header. */
static PM_INLINE __u32 pm_class(struct pm_view view, const struct pm_classes *classes,
				const struct pm_addr *address)
{
	int v4 = pm_is_v4(address);
	const struct pm_space *space = v4 ? &classes->v4 : &classes->v6;
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

/* The pair: which rows have these ports, as the flow's opener sends them. 0: no row has. */
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

/* ICMP in IPv6, or ICMPv6 in IPv4? No row permits these. */
static PM_INLINE int pm_is_foreign_icmp(const struct pm_flow_key *flow)
{
	return (pm_anew(flow->protocol) == PM_PROTO_ICMP && !pm_is_v4(&flow->local)) ||
	       (pm_anew(flow->protocol) == PM_PROTO_ICMPV6 && pm_is_v4(&flow->local));
}

/* The pair of the first packet, which `opener` sent. */
static PM_INLINE __u32 pm_flow_pair(struct pm_view view, const struct pm_flow_key *flow,
				    __u32 opener)
{
	int in = opener == PM_IN;

	if (pm_is_foreign_icmp(flow))
		return 0;
	return pm_pair(view, pm_anew(flow->protocol), in ? flow->local_port : flow->remote_port,
		       in ? flow->remote_port : flow->local_port);
}

/* Do rows of this direction, on any interface, have the pair? */
static PM_INLINE int pm_pair_opens(struct pm_view view, __u32 pair, __u32 opener)
{
	return (pm_load(view, pm_field(view, pm_image, pairs) + pair, 1) >> (opener & 1)) & 1;
}

/* Addresses that no host on the wire has: unspecified, loopback, reserved, ::/96. */
static PM_INLINE int pm_is_martian(const struct pm_addr *address)
{
	__u32 v4 = (__u32)address->low;

	if (!pm_is_v4(address))
		return address->high == 0 && address->low >> 32 == 0; /* ::, ::1, ::a.b.c.d */
	return v4 >> 24 == 0 || v4 >> 24 == 127 || (v4 >> 28 == 15 && v4 != 0xffffffffU);
}

/* Multicast, or the limited broadcast. */
static PM_INLINE int pm_is_multicast(const struct pm_addr *address)
{
	__u32 v4 = (__u32)address->low;

	if (!pm_is_v4(address))
		return address->high >> 56 == 0xff;
	return v4 >> 28 == 14 || v4 == 0xffffffffU;
}

/* The bit of an address in the filter of own addresses (a Bloom filter with one hash). If a role
 * has more than single addresses, all bits are set. */
static PM_INLINE __u32 pm_own_bit(const struct pm_addr *address)
{
	return (__u32)(((address->low ^ address->high) * 0x9e3779b97f4a7c15ULL) >> 55);
}

/* May the address be listed in a role? For most addresses that are not, one bit of the filter is
 * enough to tell. */
static PM_INLINE int pm_may_be_own(struct pm_view view, const struct pm_addr *address)
{
	__u32 bit = pm_own_bit(address);

	return pm_field(view, pm_image, own_filter)[bit >> 6] >> (bit & 63) & 1;
}

/* Is the address listed in a role? */
static PM_INLINE int pm_is_own(struct pm_view view, const struct pm_addr *address)
{
	__u32 class_;

	if (!pm_may_be_own(view, address))
		return 0;
	class_ = pm_class(view, &pm_field(view, pm_image, locals), address);
	return pm_load(view, pm_field(view, pm_image, local_flags) + class_, 1) & PM_LOCAL_OWN;
}

/* The part of the address checks that asks no policy. */
static PM_INLINE __u32 pm_check_ranges(const struct pm_flow_key *flow, __u32 direction)
{
	const struct pm_addr *source = direction == PM_IN ? &flow->remote : &flow->local;
	const struct pm_addr *destination = direction == PM_IN ? &flow->local : &flow->remote;

	if (pm_is_martian(source) || pm_is_multicast(source))
		return PM_DROP_BAD_SOURCE_ADDRESS;
	if (pm_is_martian(destination))
		return PM_DROP_BAD_DESTINATION_ADDRESS;
	return PM_UNDECIDED;
}

/* The address checks of a packet that goes in `direction`. Returns a reason, or PM_UNDECIDED. */
static PM_INLINE __u32 pm_check_addresses(struct pm_view view, const struct pm_flow_key *flow,
					  __u32 direction)
{
	if (direction == PM_IN &&
	    ((flow->remote.high == flow->local.high && flow->remote.low == flow->local.low) ||
	     pm_is_own(view, &flow->remote)))
		return PM_DROP_OWN_ADDRESS_SPOOFED;
	return pm_check_ranges(flow, direction);
}

/* The cell of the matrix for a flow, PM_CELL_*. `decision` is set too: if the cell is PM_CELL_NONE,
 * it tells why. */
static PM_INLINE __u32 pm_cell(struct pm_view view, const struct pm_flow_key *flow, __u32 opener,
			       __u32 pair, __u32 *decision)
{
	__u32 zone = pm_field(view, pm_image, zones)[flow->interface & (PM_INTERFACES - 1)];
	__u32 local, peer, first, last;

	peer = pm_class(view, &pm_field(view, pm_image, peers), &flow->remote);
	*decision = PM_DECISION_NO_ROLE;
	if (zone < pm_field(view, pm_image, zone_count)) {
		local = pm_class(view, &pm_field(view, pm_image, locals), &flow->local);
		local += (zone * 2 + (opener & 1)) * pm_field(view, pm_image, local_count);
		local = local * pm_field(view, pm_image, pair_count) + pair;
		*decision =
			(__u32)pm_load(view, pm_field(view, pm_image, decisions) + local * 2, 2);
	}
	first = pm_field(view, pm_image, decision_first) + *decision * 4;
	last = (__u32)pm_load(view, first + 4, 4) - 1;
	first = (__u32)pm_load(view, first, 4);
	if (first < last)
		first = pm_search(view, pm_field(view, pm_image, cell_bounds), 2, first, last,
				  peer);
	return (__u32)pm_load(view, pm_field(view, pm_image, cells) + first * 2, 2);
}

/* The CLOCK_BOOTTIME ns until which an address is banned; 0: it is not. */
static PM_INLINE __u64 pm_banned_until(struct pm_view bans, const struct pm_addr *address)
{
	__u32 class_ = pm_class(bans, &pm_field(bans, pm_ban_image, peers), address);

	return pm_load(bans, pm_field(bans, pm_ban_image, expiries) + class_ * 8, 8);
}

/* The cell of a list that counts for a flow which begins at `begun`. */
static PM_INLINE __u32 pm_cell_at(struct pm_view view, __u32 list, __u64 begun)
{
	__u32 first = pm_field(view, pm_image, dated_first) + list * 4;
	__u32 last = (__u32)pm_load(view, first + 4, 4) - 1;

	first = (__u32)pm_load(view, first, 4);
	if (first < last)
		first = pm_search(view, pm_field(view, pm_image, dated_bounds), 8, first, last,
				  begun);
	return (__u32)pm_load(view, pm_field(view, pm_image, dated_cells) + first * 2, 2);
}

/* What the cell says: the end of pm_judge(). */
static PM_INLINE __u32 pm_decide(struct pm_view view, struct pm_view bans, struct pm_moment when,
				 const struct pm_flow_key *flow, __u32 opener, __u32 pair)
{
	__u32 decision, cell = pm_cell(view, flow, opener, pair, &decision);

	if (cell & PM_CELL_FAILSAFE)
		return (cell & ~PM_CELL_FAILSAFE) - PM_CELL_ROW;
	if (bans.base && when.now < pm_banned_until(bans, &flow->remote))
		return pm_drop(PM_DROP_BANNED);
	if (cell == PM_CELL_BLOCKED)
		return pm_drop(PM_DROP_BLOCKED);
	if (cell & PM_CELL_DATED)
		cell = pm_cell_at(view, cell & ~PM_CELL_DATED, when.begun);
	if (cell == PM_CELL_NONE)
		return pm_drop(decision == PM_DECISION_NO_ROLE ? PM_DROP_NO_ROLE : PM_DROP_NO_ROW);
	return cell - PM_CELL_ROW;
}

/*
 * Judge a flow by its first packet: the one in hand, or the one that it would answer. The order is
 * fixed, and documented for users: address checks, no-service, failsafe, bans, block, matrix. The
 * gate and the roles know no dates: a row that is past still has its ports and its role.
 *
 *   opener     enum pm_direction: who sent the first packet
 *   direction  of the packet in hand; if it is an answer, it is not the opener
 *   bans       its base may be null: there are none
 *
 * Limits and payload checks are not part of it: they need state.
 */
static PM_INLINE __u32 pm_judge(struct pm_view view, struct pm_view bans, struct pm_moment when,
				const struct pm_flow_key *flow, __u32 opener, __u32 direction)
{
	__u32 reason = pm_check_addresses(view, flow, direction);
	__u32 pair;

	if (reason != PM_UNDECIDED)
		return pm_drop(reason);

	pair = pm_flow_pair(view, flow, opener);
	if (pm_anew(flow->protocol) == PM_PROTO_TCP || pm_anew(flow->protocol) == PM_PROTO_UDP) {
		if (!pm_pair_opens(view, pair, opener))
			return pm_drop(PM_DROP_NO_SERVICE);
	} else if (pair == 0 &&
		   pm_anew(flow->protocol) !=
			   (pm_is_v4(&flow->local) ? PM_PROTO_ICMP : PM_PROTO_ICMPV6)) {
		return pm_drop(PM_DROP_UNSUPPORTED_PROTOCOL);
	}

	return pm_decide(view, bans, when, flow, opener, pair);
}

/* The same of a packet whose ports are not known: what a row of its protocol permits, whatever the
 * row's ports are. */
static PM_INLINE __u32 pm_judge_without_ports(struct pm_view view, struct pm_view bans,
					      struct pm_moment when, const struct pm_flow_key *flow,
					      __u32 opener, __u32 direction)
{
	__u32 reason = pm_check_addresses(view, flow, direction);
	__u32 pairs = pm_field(view, pm_image, protocols);

	if (reason != PM_UNDECIDED)
		return pm_drop(reason);
	if (pm_is_foreign_icmp(flow))
		return pm_drop(PM_DROP_UNSUPPORTED_PROTOCOL);
	return pm_decide(view, bans, when, flow, opener,
			 (__u32)pm_load(view, pairs + flow->protocol * 2, 2));
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
