/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Gives each packet of a test run another source, from a list, and hands it to the program under
 * test: a run that repeats one packet would only show what one hot flow costs.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

#define SOURCES (1 << 20)

struct sources {
	__u32 mask; /* how many are in use, a power of two, less 1 */
	__be32 source[SOURCES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sources);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} target SEC(".maps");

__u32 count;

SEC("xdp.frags")
int cycle(struct xdp_md *ctx)
{
	struct iphdr *ip = (void *)(long)ctx->data + sizeof(struct ethhdr);
	struct sources *list;
	__u32 zero = 0;

	list = bpf_map_lookup_elem(&sources, &zero);
	if (!list || (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	ip->saddr = list->source[count++ & list->mask & (SOURCES - 1)];
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
