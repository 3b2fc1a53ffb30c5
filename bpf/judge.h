/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Asking the policy: the gate, which every packet meets, and the judge, which only packets
 * without a live flow meet. The look-ups themselves are those of image.h.
 */
#ifndef PM_JUDGE_H
#define PM_JUDGE_H

#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

struct question {
	struct pm_tuple flow;
	__u32 image;
	__u32 bans; /* 1 + slot, 0: none */
	__u32 direction; /* of the packet in hand */
	__u32 zero;
};

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

/* Could any row have the packet's ports, as the flow's opener (own) or as its answer? */
struct gate {
	__u32 own;
	__u32 answer;
};

static PM_INLINE struct gate ask_gate(struct pm_view image, const struct packet *packet)
{
	const struct pm_tuple *flow = &packet->flow;
	int in = packet->direction == PM_IN;
	__u16 source = in ? flow->remote_port : flow->local_port;
	__u16 destination = in ? flow->local_port : flow->remote_port;
	struct gate gate = {1, 1};

	if (flow->protocol == PM_PROTO_TCP || flow->protocol == PM_PROTO_UDP) {
		gate.own = pm_pair_opens(image, pm_pair(image, flow->protocol, destination, source),
					 packet->direction);
		gate.answer =
			!is_syn(packet) &&
			pm_pair_opens(image, pm_pair(image, flow->protocol, source, destination),
				      !packet->direction);
	} else if (is_icmp(packet)) {
		gate.own = !packet->echo_reply;
		gate.answer = packet->echo_reply;
	}
	return gate;
}

#endif
