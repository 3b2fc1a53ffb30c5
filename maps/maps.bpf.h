/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The maps. All but `rows` are shared by every interface and pinned under their name; each
 * interface has a `rows` of its own. Sizes marked (load) are set by the loader.
 */
#ifndef PM_MAPS_BPF_H
#define PM_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* The epoch in force and its records: the loader stores, the programs read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pm_control);
} control SEC(".maps");

/* Who made the maps and the programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pm_build);
} abi SEC(".maps");

/* Compiled policies (image.h); the value size is a power of two (load). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_IMAGE_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, 4);
	__uint(value_size, 4096);
} images SEC(".maps");

/* Compiled bans (struct pm_ban_image); the value size is a power of two (load). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_IMAGE_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, 4);
	__uint(value_size, 4096);
} bans SEC(".maps");

/* The flow tables (load: flow-capacity, shared out). */
struct flow_table {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct pm_flow_key);
	__type(value, struct pm_flow);
};
struct flow_table outside SEC(".maps");
struct flow_table opening SEC(".maps");
struct flow_table assured SEC(".maps");

/* When the next flow is on schedule to enter `assured`, by opener. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} promotions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct pm_fragment_key);
	__type(value, struct pm_fragment);
} fragments SEC(".maps");

/* New flows against limits. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct pm_limit_key);
	__type(value, __u64);
} limits SEC(".maps");

/* Counters of an interface's rows, by counter slot. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PM_ROW_SLOTS);
	__type(key, __u32);
	__type(value, struct pm_row_count);
} rows SEC(".maps");

/* Drops of all interfaces, by pm_drop_index(). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PM_DROP_SLOTS);
	__type(key, __u32);
	__type(value, struct pm_drop_count);
} drops SEC(".maps");

/* Where the shadow policy differs; emptied when one begins. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pm_shadow_key);
	__type(value, struct pm_shadow_count);
} shadows SEC(".maps");

/* What the interface numbers stand for: the loader writes, exporters read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_INTERFACES);
	__type(key, __u32);
	__type(value, struct pm_interface);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_INTERFACES);
	__type(key, __u32);
	__type(value, struct pm_dhcp);
} dhcp SEC(".maps");

/* Dropped packets, for those who monitor: who wants what, what was lost, and a ring for each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_EVENT_RINGS);
	__type(key, __u32);
	__type(value, struct pm_ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PM_EVENT_RINGS);
	__type(key, __u32);
	__type(value, struct pm_ring_count);
} ring_counts SEC(".maps");

/* Where an event is written before it goes into the rings: the stack has no room. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pm_event);
} event_scratch SEC(".maps");

struct event_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PM_EVENT_RING_BYTES);
};
struct event_ring events_0 SEC(".maps");
struct event_ring events_1 SEC(".maps");
struct event_ring events_2 SEC(".maps");
struct event_ring events_3 SEC(".maps");
struct event_ring events_4 SEC(".maps");
struct event_ring events_5 SEC(".maps");
struct event_ring events_6 SEC(".maps");
struct event_ring events_7 SEC(".maps");

/* The question to the probe programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pm_probe);
} question SEC(".maps");

#endif
