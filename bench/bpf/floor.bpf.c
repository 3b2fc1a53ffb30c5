/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What any stateful filter of this kind must do for a packet of a known flow, and nothing else:
 * parse it, load the epoch's record, hit the flow table once, count and stamp the flow, count
 * the row. No policy, no expiry, no state, no other table: the figure to measure against.
 */
#include "epoch.h"
#include "flow_table.h"
#include "parse.h"

SEC("xdp.frags")
int floor_established(struct xdp_md *ctx)
{
	struct frame frame = xdp_frame(ctx);
	struct packet packet = {};
	struct pm_row_count *row;
	struct pm_flow *flow;
	__u32 slot;

	if (load_policy(&packet.query) == PM_MODE_OFF)
		return XDP_PASS;
	if (parse(ctx, PM_IN, &frame, &packet) != PM_UNDECIDED)
		return XDP_DROP;
	flow = bpf_map_lookup_elem(&assured, &packet.query.flow);
	if (!flow)
		return XDP_DROP;
	add_to_flow(flow, &packet);
	flow->last = stamp_now();
	slot = flow->row;
	row = bpf_map_lookup_elem(&rows, &slot);
	if (!row)
		return XDP_DROP;
	row->packets[0] += packet.segments;
	row->bytes[0] += packet.bytes;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
