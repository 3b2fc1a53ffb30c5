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

/* PM_ABI_VERSION of those who made the maps. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
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

/* The question to the probe programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pm_ask);
} question SEC(".maps");

#endif
