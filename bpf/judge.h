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

/* What the gate says of a packet: could any row have its ports, as the flow's opener (own) or as
 * its answer? If neither, `reason` is why it is dropped. */
struct gate {
	__u32 own;
	__u32 answer;
	__u32 reason;
};

/* Verified once, like judge. `own_only`: the packet can answer nothing. */
__noinline int ask_ports(const struct question *question, __u32 own_only, struct gate *gate)
{
	struct pm_view image;
	__u16 source, destination;
	__u32 in, protocol;

	if (!question || !gate)
		return 0;
	image = view_of(&images, question->image, pm_image_mask);
	gate->own = gate->answer = 0;
	gate->reason = PM_DROP_NO_POLICY;
	if (!image.base)
		return 0;
	in = question->direction == PM_IN;
	protocol = question->flow.protocol;
	source = in ? question->flow.remote_port : question->flow.local_port;
	destination = in ? question->flow.local_port : question->flow.remote_port;
	gate->own = pm_pair_opens(image, pm_pair(image, protocol, destination, source), !in);
	if (!own_only)
		gate->answer =
			pm_pair_opens(image, pm_pair(image, protocol, source, destination), in);
	if (!gate->own && !gate->answer) {
		gate->reason = pm_check_addresses(image, &question->flow, question->direction);
		if (gate->reason == PM_UNDECIDED)
			gate->reason = PM_DROP_NO_SERVICE;
	}
	return 0;
}

/* Only tcp and udp have ports to ask about; an echo's way is its type. */
static PM_INLINE struct gate ask_gate(const struct packet *packet)
{
	struct gate gate = {1, 1, PM_UNDECIDED};

	if (packet->ask.flow.protocol == PM_PROTO_TCP || packet->ask.flow.protocol == PM_PROTO_UDP)
		ask_ports(&packet->ask, is_syn(packet), &gate);
	else if (is_icmp(packet)) {
		gate.own = !packet->echo_reply;
		gate.answer = packet->echo_reply;
	}
	return gate;
}

#endif
