/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet path, as a list of stages. pm_ingress (XDP) sees what comes in, pm_egress (TC) what
 * goes out; pm_ask_in and pm_ask_out are the same stages without state, for questions about a
 * policy in any slot. A packet starts undecided, and undecided at the end is a drop.
 */
#include <linux/pkt_cls.h>

#include "admit.h"
#include "conclude.h"
#include "essentials.h"
#include "parse.h"
#include "related.h"

/* The stages before the flow tables. `stateless` and `direction` are constants: what a hook
 * lacks is cut, not skipped. */
static PM_INLINE __u32 look(void *ctx, struct packet *packet, const struct epoch *epoch,
			    struct gate *gate, __u32 direction, int forwarded, int stateless)
{
	struct pm_view image = view_of(&images, epoch->image, pm_image_mask);
	struct frame frame;
	__u32 reason, verdict;

	packet->flow.opener = direction;
	packet->direction = direction;
	reason = direction == PM_IN ? parse_xdp(ctx, packet) : parse_skb(ctx, packet);
	if (reason != PM_UNDECIDED)
		return drop(reason);
	if (forwarded)
		return drop(PM_DROP_FORWARDED);
	frame = direction == PM_IN ? xdp_frame(ctx) : skb_frame(ctx);
	verdict = pass_essential(&frame, packet, stateless);
	if (verdict != UNDECIDED)
		return verdict;
	if (!image.base)
		return drop(PM_DROP_NO_POLICY);
	reason = check_fragment(image, packet, stateless);
	if (reason != PM_UNDECIDED)
		return drop(reason);
	if (is_icmp(packet) && packet->fragment != LATER_FRAGMENT) {
		if (is_icmp_error(packet))
			return stateless ? drop(PM_DROP_ICMP_UNRELATED)
					 : pass_icmp_error(ctx, &frame, packet, epoch);
		if (!packet->echo_reply &&
		    packet->icmp_type != (packet->ethertype == ETH_IPV4 ? 8 : 128))
			return drop(PM_DROP_UNSUPPORTED_ICMP);
	}
	*gate = ask_gate(image, packet);
	if (!gate->own && !gate->answer) {
		reason = pm_check_addresses(image, &packet->flow, packet->direction);
		return drop(reason != PM_UNDECIDED ? reason : PM_DROP_NO_SERVICE);
	}
	return UNDECIDED;
}

/* `established`: the sending socket is (TC only). */
static PM_INLINE int filter(void *ctx, __u32 direction, int forwarded, int established)
{
	struct packet packet = {};
	struct epoch epoch = {};
	struct gate gate = {};
	__u32 verdict;

	packet.flow.interface = pm_interface;
	if (!load_epoch(&epoch))
		return 0;
	if (epoch.mode == PM_MODE_OFF)
		return 1;

	verdict = look(ctx, &packet, &epoch, &gate, direction, forwarded, 0);
	if (verdict == UNDECIDED && !is_syn(&packet))
		verdict = match_flow(ctx, &packet, &gate, &epoch, established, direction);
	if (verdict == UNDECIDED)
		verdict = admit(ctx, &packet, &gate, &epoch, direction);
	if (packet.fragment == FIRST_FRAGMENT && !is_drop(verdict))
		remember_fragment(&packet);
	return conclude(&packet, verdict, epoch.mode);
}

SEC("xdp.frags")
int pm_ingress(struct xdp_md *ctx)
{
	return filter(ctx, PM_IN, 0, 0) ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int pm_egress(struct __sk_buff *skb)
{
	int established = skb->sk && skb->sk->state == BPF_TCP_ESTABLISHED;

	return filter(skb, PM_OUT, skb->ingress_ifindex != 0, established) ? TC_ACT_UNSPEC
									   : TC_ACT_SHOT;
}

/* The verdict on the frame by the policy in question.image: a row's number, a reason << 16, or
 * an essential with all upper bits set. */
static PM_INLINE __u32 answer_question(void *ctx, __u32 direction)
{
	struct packet packet = {};
	struct answer answer = {};
	struct epoch epoch = {};
	struct gate gate = {};
	struct pm_ask *asked;
	__u32 zero = 0, verdict, opener;

	asked = bpf_map_lookup_elem(&question, &zero);
	if (!asked)
		return drop(PM_DROP_NO_POLICY);
	epoch.image = asked->image;
	epoch.bans = asked->bans;
	packet.flow.interface = asked->interface;
	verdict = look(ctx, &packet, &epoch, &gate, direction, 0, 1);
	if (verdict != UNDECIDED)
		return is_drop(verdict) ? verdict : 0xffff0000U | verdict;
	opener = ask_both_ways(&packet, &gate, &epoch, &answer);
	if (is_drop(answer.verdict) || (opener == direction && can_open(&packet)))
		return answer.verdict;
	return drop(PM_DROP_NOT_FIRST_PACKET);
}

SEC("xdp.frags")
int pm_ask_in(struct xdp_md *ctx)
{
	return answer_question(ctx, PM_IN);
}

SEC("tc")
int pm_ask_out(struct __sk_buff *skb)
{
	return answer_question(skb, PM_OUT);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
