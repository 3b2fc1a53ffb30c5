/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sends the frames of a live test run out of an interface, each from the next of many IPv4
 * sources. Frames are recycled as they were left, so that what varies is written each time.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 interface = 0; /* ifindex to send from */
const volatile __u32 sources = 1; /* a power of two */
const volatile __u32 first_source = 0; /* host byte order */
const volatile __u32 header_sum = 0; /* of the IPv4 header without its source and checksum */

__u32 count;

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct iphdr *ip = (void *)(long)ctx->data + sizeof(struct ethhdr);
	__u32 source, sum;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	/* Times an odd number: each source once, in an order that no prefetcher follows. */
	source = first_source + (count++ * 0x9e3779b1 & (sources - 1));
	sum = header_sum + (source >> 16) + (source & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->saddr = bpf_htonl(source);
	ip->check = bpf_htons((__u16)~sum);
	return bpf_redirect(interface, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
