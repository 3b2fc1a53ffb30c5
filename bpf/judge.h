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

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* What the policy says of a flow. */
struct judgement {
	__u32 verdict; /* as pm_judge has it: a row's number, or a drop */
	struct pm_row row; /* of a pass only */
};

static PM_INLINE struct pm_view view_of(void *map, __u32 slot, __u32 mask)
{
	struct pm_view view = {bpf_map_lookup_elem(map, &slot), mask};
	return view;
}

/* A function of its own, verified once: inlined wherever it is needed, it would be more than the
 * verifier of Linux 6.1 is willing to look at. */
__noinline int judge(const struct query *query, struct judgement *judged)
{
	struct pm_view image, bans_view = {};
	__u64 now = 0;

	if (!query || !judged)
		return 0;
	image = view_of(&images, query->image, pm_image_mask);
	if (!image.base) {
		judged->verdict = drop(PM_DROP_NO_POLICY);
		return 0;
	}
	if (query->bans) {
		bans_view = view_of(&bans, query->bans - 1, pm_bans_mask);
		if (!bans_view.base) {
			judged->verdict = drop(PM_DROP_NO_POLICY);
			return 0;
		}
		now = bpf_ktime_get_boot_ns();
	}
	judged->verdict = pm_judge(image, bans_view, now, &query->flow, query->direction);
	if (!is_drop(judged->verdict))
		judged->row = pm_row_at(image, pm_row_of(judged->verdict));
	return 0;
}

/* The same by the shadow policy. */
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

/* What the gate says of a packet. A row could have its ports,
 *
 *   own     if the packet is of its flow's opener;
 *   answer  if it is of the other side. (A SYN never is.)
 *
 * The gate does not know addresses or interfaces: it can only rule out. */
struct gate {
	__u32 own;
	__u32 answer;
	__u32 needs_source_port; /* own and answer are a maybe: see look_up_gate */
};

static PM_INLINE __u16 source_port(const struct query *query)
{
	return query->direction == PM_IN ? query->flow.remote_port : query->flow.local_port;
}

static PM_INLINE __u16 destination_port(const struct query *query)
{
	return query->direction == PM_IN ? query->flow.local_port : query->flow.remote_port;
}

/* The exact answer, from both ports together. A function of its own, like judge. */
__noinline int look_up_pairs(const struct packet *packet, struct gate *gate)
{
	const struct query *query;
	struct pm_view image;

	if (!packet || !gate)
		return 0;
	query = &packet->query;
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
static PM_INLINE void look_up_gate(struct pm_view image, const struct packet *packet,
				   struct gate *gate)
{
	const struct query *query = &packet->query;
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
		look_up_pairs(packet, gate);
}

/* Judge a packet in the orientations that the gate permits:
 *
 *   - as its flow's opener (own) if the gate has that, else as an answer;
 *   - a tcp segment that may be either, and that was not passed as the opener, as an answer too.
 *
 * Returns the opener that `judged` is about. A drop has the reason of the first orientation. A
 * function of its own: verified once. */
__noinline int judge_both_ways(struct packet *packet, const struct gate *gate,
			       struct judgement *judged)
{
	__u8 own = packet ? packet->query.direction : 0;
	__u32 reason;

	if (!packet || !gate || !judged)
		return 0;
	packet->query.flow.opener = gate->own ? own : !own;
	judge(&packet->query, judged);
	if (!is_drop(judged->verdict) || !gate->own || !gate->answer || is_syn(packet) ||
	    packet->query.flow.protocol != PM_PROTO_TCP)
		return packet->query.flow.opener;
	reason = judged->verdict;
	packet->query.flow.opener = !own;
	judge(&packet->query, judged);
	if (is_drop(judged->verdict))
		judged->verdict = reason;
	return !own;
}

#endif
