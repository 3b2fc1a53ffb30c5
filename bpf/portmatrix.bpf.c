/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet path, as a list of stages: filter() runs them in order. A packet starts undecided; if
 * it is still undecided at the end, it is dropped. There are four programs:
 *
 *   pm_ingress   XDP: what comes in
 *   pm_egress    TC: what goes out
 *   pm_ask_in    the same stages without state, to probe the policy in any slot with one frame
 *   pm_ask_out   the same for what goes out
 *
 * pm_ask_in, pm_ask_out and the map `question` are pinned: their names stay.
 */
#include <linux/pkt_cls.h>

#include "admit.h"
#include "conclude.h"
#include "constants.h"
#include "epoch.h"
#include "essentials.h"
#include "fragment.h"
#include "match.h"
#include "parse.h"
#include "related.h"

/* Most packets are plain: tcp or udp, no fragment, and not DHCP. */
static PM_INLINE int is_plain(const struct packet *packet)
{
	const struct pm_flow_key *flow = &packet->query.flow;

	return (flow->protocol == PM_PROTO_TCP ||
		(flow->protocol == PM_PROTO_UDP && flow->local_port != DHCP_CLIENT_PORT &&
		 flow->local_port != DHCPV6_CLIENT_PORT)) &&
	       packet->fragment == NOT_FRAGMENT;
}

/* The stages for packets that are not plain: essentials, fragments, ICMP. */
static PM_INLINE __u32 check_uncommon(const struct frame *frame, struct packet *packet,
				      int stateless)
{
	__u32 verdict = pass_essential(frame, packet, stateless);

	if (verdict != UNDECIDED)
		return verdict;
	verdict = check_fragment(packet, stateless);
	if (verdict != UNDECIDED)
		return verdict;
	if (!is_icmp(packet) || packet->fragment == LATER_FRAGMENT || is_echo(packet))
		return UNDECIDED;
	return is_icmp_error(packet) ? ICMP_ERROR : drop(PM_DROP_UNSUPPORTED_ICMP);
}

/* Verified once for each hook. */
__noinline int check_uncommon_xdp(struct xdp_md *ctx, struct packet *packet, int stateless)
{
	struct frame frame = xdp_frame(ctx);

	return packet ? check_uncommon(&frame, packet, stateless) : drop(PM_DROP_NO_POLICY);
}

__noinline int check_uncommon_skb(struct __sk_buff *skb, struct packet *packet, int stateless)
{
	struct frame frame = skb_frame(skb);

	return packet ? check_uncommon(&frame, packet, stateless) : drop(PM_DROP_NO_POLICY);
}

/* The stages before a packet's own flow is looked up. An ICMP error is decided here, by the flow of
 * the packet that it quotes. `hook` and `stateless` are constants: clang leaves out what
 * does not apply. `stateless`: a probe, which has no flow tables. */
static PM_INLINE __u32 before_flows(void *ctx, struct packet *packet, __u32 hook, int stateless)
{
	struct frame frame = frame_of(ctx, hook);
	__u32 reason, verdict;
	struct pm_view image;

	packet->direction = packet->query.direction = packet->query.opener = hook;
	reason = parse(ctx, hook, &frame, packet);
	if (reason != PM_UNDECIDED)
		return drop(reason);
	if (hook == PM_OUT && !stateless && packet->handed_over && !is_of_link(packet) &&
	    is_passing_through(packet))
		return drop(PM_DROP_FORWARDED);
	if (!is_plain(packet)) {
		verdict = hook == PM_IN ? check_uncommon_xdp(ctx, packet, stateless)
					: check_uncommon_skb(ctx, packet, stateless);
		if (hook == PM_IN && !stateless && verdict == FRAGMENT_ALONE)
			return pass_fragment_alone(ctx, packet);
		if (verdict == ICMP_ERROR)
			return stateless ? drop(PM_DROP_ICMP_UNRELATED)
					 : pass_icmp_error(ctx, packet, hook);
		if (verdict != UNDECIDED)
			return verdict;
	}
	image = view_of(&images, packet->query.image, pm_image_mask);
	if (!image.base)
		return drop(PM_DROP_NO_POLICY);
	look_up_gate(image, packet);
	if (packet->gate.own || packet->gate.answer)
		return UNDECIDED;
	return drop(no_service_reason(image, packet, hook));
}

/* The packet path. `handed_over`: another device has sent it here. True: the packet passes. */
static PM_INLINE int filter(void *ctx, __u32 hook, int handed_over)
{
	struct packet packet = {.handed_over = handed_over};
	__u32 verdict, mode;

	mode = load_policy(&packet.query);
	if (mode == PM_MODE_OFF)
		return 1;
	packet.audit = mode == PM_MODE_AUDIT;
	packet.query.flow.interface = pm_interface;
	verdict = before_flows(ctx, &packet, hook, 0);
	if (hook == PM_OUT && verdict == UNDECIDED)
		packet.sender = sender_of(ctx, &packet);
	if (verdict == UNDECIDED && !is_syn(&packet))
		verdict = match_flow(ctx, &packet, hook);
	if (verdict == UNDECIDED)
		verdict = admit(ctx, &packet, hook);
	if (packet.fragment == FIRST_FRAGMENT && !is_drop(verdict))
		remember_fragment(&packet);
	return conclude(ctx, hook, &packet, verdict);
}

SEC("xdp.frags")
int pm_ingress(struct xdp_md *ctx)
{
	return filter(ctx, PM_IN, 0) ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int pm_egress(struct __sk_buff *skb)
{
	pull_headers(skb);
	return filter(skb, PM_OUT, skb->ingress_ifindex != 0) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* Probe a policy: the verdict on the frame by the image in the slot that the map `question` names.
 * Returns a row's number, a reason << 16, or an essential with all upper bits set. */
static PM_INLINE __u32 probe_policy(void *ctx, __u32 hook)
{
	struct packet packet = {};
	const struct judgement *judged = &packet.judged;
	const struct pm_probe *probe;
	__u32 zero = 0, verdict, opener;

	probe = bpf_map_lookup_elem(&question, &zero);
	if (!probe)
		return drop(PM_DROP_NO_POLICY);
	packet.query.image = probe->image;
	packet.query.bans = probe->bans;
	packet.query.flow.interface = probe->interface;
	verdict = before_flows(ctx, &packet, hook, 1);
	if (verdict != UNDECIDED)
		return is_drop(verdict) ? verdict : 0xffff0000U | verdict;
	if (packet.gate.needs_source_port)
		look_up_pairs(&packet);
	opener = judge_both_ways(&packet);
	if (is_drop(judged->verdict) || (opener == hook && can_open(&packet)))
		return judged->verdict;
	return drop(PM_DROP_NOT_FIRST_PACKET);
}

SEC("xdp.frags")
int pm_ask_in(struct xdp_md *ctx)
{
	return probe_policy(ctx, PM_IN);
}

SEC("tc")
int pm_ask_out(struct __sk_buff *skb)
{
	pull_headers(skb);
	return probe_policy(skb, PM_OUT);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
