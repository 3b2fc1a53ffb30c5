/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Asking the policy. There are two look-ups, and both look into the compiled image (lookup.h):
 *
 *   the gate   which every packet meets: could any row of any interface have these ports? It
 *              costs a load or two, and turns away most of what is hostile.
 *   the judge  which only a packet without a live flow meets, and every SYN: the row that
 *              permits it, or the reason why none does.
 */
#ifndef PM_JUDGE_H
#define PM_JUDGE_H

#include "clock.h"
#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

static PM_INLINE struct pm_view view_of(void *map, __u32 slot, __u32 mask)
{
	struct pm_view view = {bpf_map_lookup_elem(map, &slot), mask};
	return view;
}

/* When the query's flow began, in ns of UTC. If the loader has not said what time it is, every date
 * is past: also that of a flow which began before. */
static PM_INLINE __u64 time_begun(struct pm_view image, const struct query *query, __u64 now)
{
	__u64 utc = *(const volatile __u64 *)&pm_field(image, pm_image, utc);

	if (!utc)
		return PM_AFTER_EVERY_DATE;
	if (query->age == AGE_UNKNOWN)
		return 0;
	return query->age ? now + utc - stamps_to_ns(query->age) : now + utc;
}

/* What a query is judged by. False: there is none. */
static PM_INLINE int find_views(const struct query *query, struct pm_view *image,
				struct pm_view *bans_view, struct pm_moment *when)
{
	__u32 dates;

	*image = view_of(&images, query->image, pm_image_mask);
	if (!image->base)
		return 0;
	dates = pm_field(*image, pm_image, flags) & PM_IMAGE_DATES;
	if (!query->bans && !dates)
		return 1;
	when->now = bpf_ktime_get_boot_ns();
	if (dates)
		when->begun = time_begun(*image, query, when->now);
	if (!query->bans)
		return 1;
	*bans_view = view_of(&bans, query->bans - 1, pm_bans_mask);
	return bans_view->base != NULL;
}

/* Has the policy rows with a date? */
static PM_INLINE int has_dates(const struct query *query)
{
	struct pm_view image = view_of(&images, query->image, pm_image_mask);

	return image.base && pm_field(image, pm_image, flags) & PM_IMAGE_DATES;
}

/* A function of its own, verified once: inlined wherever it is needed, it would be more than the
 * verifier of Linux 6.1 is willing to look at. */
__noinline int judge(const struct query *query, struct judgement *judged)
{
	struct pm_view image, bans_view = {};
	struct pm_moment when = {};

	if (!query || !judged)
		return 0;
	if (!find_views(query, &image, &bans_view, &when)) {
		judged->verdict = drop(PM_DROP_NO_POLICY);
		return 0;
	}
	judged->verdict =
		pm_judge(image, bans_view, when, &query->flow, query->opener, query->direction);
	if (!is_drop(judged->verdict))
		judged->row = pm_row_at(image, pm_row_of(judged->verdict));
	return 0;
}

/* Does a row permit any flow that the sender of a packet without ports opens? A function of its
 * own, like judge. */
__noinline int is_permitted_without_ports(const struct query *query)
{
	struct pm_view image, bans_view = {};
	struct pm_moment when = {};

	if (!query || !find_views(query, &image, &bans_view, &when))
		return 0;
	return !is_drop(pm_judge_without_ports(image, bans_view, when, &query->flow, query->opener,
					       query->direction));
}

/* judge() by the shadow policy. */
static PM_INLINE void judge_by_shadow(struct query *query, struct judgement *judged)
{
	__u32 image = query->image;

	query->image = query->shadow - 1;
	judge(query, judged);
	query->image = image;
}

/* The shadow policy's verdict on a packet: a drop, or the counter slot of the row that passes it.
 */
__noinline int shadow_verdict(struct packet *packet)
{
	struct judgement judged = {};

	if (!packet)
		return 0;
	judge_by_shadow(&packet->query, &judged);
	return is_drop(judged.verdict) ? judged.verdict : judged.row.slot;
}

static PM_INLINE __u16 source_port(const struct query *query)
{
	return query->direction == PM_IN ? query->flow.remote_port : query->flow.local_port;
}

static PM_INLINE __u16 destination_port(const struct query *query)
{
	return query->direction == PM_IN ? query->flow.local_port : query->flow.remote_port;
}

/* The exact answer, from both ports together. A function of its own, like judge. */
__noinline int look_up_pairs(struct packet *packet)
{
	const struct query *query;
	struct pm_view image;
	struct gate *gate;

	if (!packet)
		return 0;
	query = &packet->query;
	gate = &packet->gate;
	gate->own = gate->answer = gate->needs_source_port = 0;
	image = view_of(&images, query->image, pm_image_mask);
	if (!image.base)
		return 0;
	gate->own = pm_pair_opens(
		image,
		pm_pair(image, query->flow.protocol, destination_port(query), source_port(query)),
		query->direction);
	if (!is_syn(packet))
		gate->answer = pm_pair_opens(image,
					     pm_pair(image, query->flow.protocol,
						     source_port(query), destination_port(query)),
					     !query->direction);
	return 0;
}

/* The quick answer, from the one port that the opener sends to. A table of bytes tells of each port
 * whether rows have it from any source port, from some source ports (maybe), or not at all. A maybe
 * is looked up exactly at once only if there is nothing better; else later, and only for a packet
 * without a live flow. */
static PM_INLINE void look_up_gate(struct pm_view image, struct packet *packet)
{
	const struct query *query = &packet->query;
	struct gate *gate = &packet->gate;
	__u32 own, judged = 0, table;

	gate->own = gate->answer = 1;
	if (query->flow.protocol != PM_PROTO_TCP && query->flow.protocol != PM_PROTO_UDP) {
		if (is_icmp(packet)) { /* its type tells if an echo is a request or a reply */
			gate->own = !packet->echo_reply;
			gate->answer = packet->echo_reply;
		}
		return;
	}
	table = query->flow.protocol == PM_PROTO_TCP ? pm_field(image, pm_image, gates[0])
						     : pm_field(image, pm_image, gates[1]);
	own = pm_load(image, table + destination_port(query), 1) >> query->direction;
	if (!is_syn(packet))
		judged = pm_load(image, table + source_port(query), 1) >> !query->direction;
	gate->own = own & (PM_GATE_IN | PM_GATE_MAYBE_IN);
	gate->answer = judged & (PM_GATE_IN | PM_GATE_MAYBE_IN);
	gate->needs_source_port = (own | judged) & PM_GATE_MAYBE_IN;
	if (!((own | judged) & PM_GATE_IN) && gate->needs_source_port)
		look_up_pairs(packet);
}

/* The address checks of a packet. A function of its own, to keep the stack small. */
__noinline int check_addresses(const struct packet *packet)
{
	struct pm_view image;

	if (!packet)
		return PM_DROP_NO_POLICY;
	image = view_of(&images, packet->query.image, pm_image_mask);
	if (!image.base)
		return PM_DROP_NO_POLICY;
	return pm_check_addresses(image, &packet->query.flow, packet->direction);
}

/* Why a packet is dropped that no row can be about: its addresses, else its ports. Most of what is
 * hostile ends here: the call is for packets whose source may be one of this host's. */
static PM_INLINE __u32 no_service_reason(struct pm_view image, const struct packet *packet,
					 __u32 hook)
{
	const struct pm_flow_key *flow = &packet->query.flow;
	__u32 reason;

	if (hook == PM_IN &&
	    (is_same(&flow->remote, &flow->local) || pm_may_be_own(image, &flow->remote)))
		reason = check_addresses(packet);
	else
		reason = pm_check_ranges(flow, hook);
	return reason != PM_UNDECIDED ? reason : PM_DROP_NO_SERVICE;
}

/* Judge a packet in the orientations that the gate permits:
 *
 *   - as its flow's opener (own) if the gate has that, else as an answer;
 *   - a tcp segment that may be either, and that was not passed as the opener, as an answer too.
 *
 * Returns the opener that packet->judged is about. A drop has the reason of the first orientation.
 * A function of its own: verified once. */
__noinline int judge_both_ways(struct packet *packet)
{
	__u8 own = packet ? packet->query.direction : 0;
	const struct gate *gate;
	struct judgement *judged;
	__u32 reason;

	if (!packet)
		return 0;
	gate = &packet->gate;
	judged = &packet->judged;
	packet->query.opener = gate->own ? own : !own;
	judge(&packet->query, judged);
	if (!is_drop(judged->verdict) || !gate->own || !gate->answer || is_syn(packet) ||
	    packet->query.flow.protocol != PM_PROTO_TCP)
		return packet->query.opener;
	reason = judged->verdict;
	packet->query.opener = !own;
	judge(&packet->query, judged);
	if (is_drop(judged->verdict))
		judged->verdict = reason;
	return !own;
}

#endif
