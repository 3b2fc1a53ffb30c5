/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Programs to compare with: none (a program that does nothing, and whose cost is the test run's
 * own), drop, and a look-up of the source in a kernel LPM_TRIE behind the same parser.
 */
#include "epoch.h"
#include "parse.h"

struct prefix {
	__u32 length;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} prefixes SEC(".maps");

SEC("xdp.frags")
int none(struct xdp_md *ctx)
{
	return ctx->data_end > ctx->data ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int drop_all(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

SEC("xdp.frags")
int lpm(struct xdp_md *ctx)
{
	struct frame frame = xdp_frame(ctx);
	struct packet packet = {};
	struct prefix prefix = {.length = 32};

	if (load_policy(&packet.query) == PM_MODE_OFF)
		return XDP_PASS;
	if (parse(ctx, PM_IN, &frame, &packet) != PM_UNDECIDED)
		return XDP_DROP;
	prefix.address = bpf_htonl((__u32)packet.query.flow.remote.low);
	return bpf_map_lookup_elem(&prefixes, &prefix) ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
