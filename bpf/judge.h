/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Asking the policy: the gate, which every packet meets, and the judge, which only packets
 * without a live flow meet. The look-ups themselves are those of image.h.
 */
#ifndef PM_JUDGE_H
#define PM_JUDGE_H

#include "epoch.h"
#include "packet.h"

/* What the policy answers about a flow: the verdict of pm_judge, and of a pass the row. */
struct answer {
	__u32 verdict;
	struct pm_row row;
};

static PM_INLINE struct pm_view view_of(void *map, __u32 slot, __u32 mask)
{
	struct pm_view view = {bpf_map_lookup_elem(map, &slot), mask};
	return view;
}

/* A function of its own, verified once: inlined wherever it is needed it would exceed what the
 * verifier of Linux 6.1 looks at. */
__noinline int judge(const struct question *question, struct answer *answer)
{
	struct pm_view image, bans_view = {};
	__u64 now = 0;

	if (!question || !answer)
		return 0;
	image = view_of(&images, question->image, pm_image_mask);
	if (!image.base) {
		answer->verdict = drop(PM_DROP_NO_POLICY);
		return 0;
	}
	if (question->bans) {
		bans_view = view_of(&bans, question->bans - 1, pm_bans_mask);
		if (!bans_view.base) {
			answer->verdict = drop(PM_DROP_NO_POLICY);
			return 0;
		}
		now = bpf_ktime_get_boot_ns();
	}
	answer->verdict = pm_judge(image, bans_view, now, &question->flow, question->direction);
	if (!is_drop(answer->verdict))
		answer->row = pm_row_at(image, pm_row_of(answer->verdict));
	return 0;
}

/* The same question to the shadow policy. */
static PM_INLINE void ask_shadow(struct question *question, struct answer *answer)
{
	__u32 image = question->image;

	question->image = question->shadow - 1;
	judge(question, answer);
	question->image = image;
}

/* Its verdict, a pass as the counter slot of its row. */
__noinline int judge_beside(struct packet *packet)
{
	struct answer answer = {};

	if (!packet)
		return 0;
	ask_shadow(&packet->ask, &answer);
	return is_drop(answer.verdict) ? answer.verdict : answer.row.slot;
}

/* What the gate says of a packet: could a row have its ports, as the flow's opener (own) or as
 * its answer? */
struct gate {
	__u32 own;
	__u32 answer;
	__u32 unsure; /* the source port decides, and was not looked up yet */
};

static PM_INLINE __u16 source_port(const struct question *ask)
{
	return ask->direction == PM_IN ? ask->flow.remote_port : ask->flow.local_port;
}

static PM_INLINE __u16 destination_port(const struct question *ask)
{
	return ask->direction == PM_IN ? ask->flow.local_port : ask->flow.remote_port;
}

/* The ports as they are, both together. A function of its own, like judge. */
__noinline int ask_pairs(const struct packet *packet, struct gate *gate)
{
	const struct question *ask = &packet->ask;
	struct pm_view image;

	if (!packet || !gate)
		return 0;
	gate->own = gate->answer = gate->unsure = 0;
	image = view_of(&images, ask->image, pm_image_mask);
	if (!image.base)
		return 0;
	gate->own = pm_pair_opens(
		image, pm_pair(image, ask->flow.protocol, destination_port(ask), source_port(ask)),
		ask->direction);
	if (!is_syn(packet))
		gate->answer = pm_pair_opens(
			image,
			pm_pair(image, ask->flow.protocol, source_port(ask), destination_port(ask)),
			!ask->direction);
	return 0;
}

/* A table of bytes tells of each port what it can without the other one; what it cannot is
 * asked of the pairs, but only once it matters. */
static PM_INLINE void ask_gate(struct pm_view image, const struct packet *packet, struct gate *gate)
{
	const struct question *ask = &packet->ask;
	__u32 own, answer = 0, table;

	gate->own = gate->answer = 1;
	if (ask->flow.protocol != PM_PROTO_TCP && ask->flow.protocol != PM_PROTO_UDP) {
		if (is_icmp(packet)) { /* an echo's way is its type */
			gate->own = !packet->echo_reply;
			gate->answer = packet->echo_reply;
		}
		return;
	}
	table = ask->flow.protocol == PM_PROTO_TCP ? pm_field(image, pm_image, gates[0])
						   : pm_field(image, pm_image, gates[1]);
	own = pm_load(image, table + destination_port(ask), 1) >> ask->direction;
	if (!is_syn(packet))
		answer = pm_load(image, table + source_port(ask), 1) >> !ask->direction;
	gate->own = own & (PM_GATE_IN | PM_GATE_MAYBE_IN);
	gate->answer = answer & (PM_GATE_IN | PM_GATE_MAYBE_IN);
	gate->unsure = (own | answer) & PM_GATE_MAYBE_IN;
	if (!((own | answer) & PM_GATE_IN) && gate->unsure)
		ask_pairs(packet, gate);
}

#endif
