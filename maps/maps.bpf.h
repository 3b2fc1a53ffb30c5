/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The maps. All but `rows` are shared by every interface and pinned under their name; each
 * interface has a `rows` of its own. Sizes marked "load" are set by the loader. Values are
 * described in abi.h and image.h, together with who writes them.
 */
#ifndef PM_MAPS_BPF_H
#define PM_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "paces.h"
#include "places.h"

/* The epoch in force, and its records. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pm_control);
} control SEC(".maps");

/* Which release made the maps, and the programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pm_build);
} abi SEC(".maps");

/* Compiled policies (image.h). The size of a value is a power of two (load). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_IMAGE_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, 4);
	__uint(value_size, 4096);
} images SEC(".maps");

/* Compiled bans (struct pm_ban_image). The size of a value is a power of two (load). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_IMAGE_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, 4);
	__uint(value_size, 4096);
} bans SEC(".maps");

/* The flow tables (bpf/flow_table.h). They share the flow-capacity (load). */
struct flow_table {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct pm_flow_key);
	__type(value, struct pm_flow);
};
struct flow_table outside SEC(".maps");
struct flow_table opening SEC(".maps");
struct flow_table assured SEC(".maps");

/* Of tcp flows whose handshake vouches for them: the number that acknowledges what this host has
 * sent first (bpf/handshake.h). Without its flow an entry says nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct pm_flow_key);
	__type(value, __u32);
} handshakes SEC(".maps");

/* By pm_promotion_index(): when the next flow is on schedule to enter `assured` (bpf/limit.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_PROMOTIONS);
	__type(key, __u32);
	__type(value, __u64);
} promotions SEC(".maps");

/* What first fragments leave for later ones (bpf/fragment.h). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct pm_fragment_key);
	__type(value, struct pm_fragment);
} fragments SEC(".maps");

/* Schedules of new flows, for rows with a limit by peer (bpf/limit.h). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct pm_limit_key);
	__type(value, __u64);
} limits SEC(".maps");

/* The same for rows with a limit of their own, by counter slot: no flood of peers pushes one out.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_ROW_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} row_limits SEC(".maps");

/* Counters of the rows of one interface, by counter slot. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PM_ROW_SLOTS);
	__type(key, __u32);
	__type(value, struct pm_row_count);
} rows SEC(".maps");

/* Counters of drops on all interfaces, by pm_drop_index(). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PM_DROP_SLOTS);
	__type(key, __u32);
	__type(value, struct pm_drop_count);
} drops SEC(".maps");

/* Counters of what the shadow policy judges otherwise; emptied when a shadow policy begins. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pm_shadow_key);
	__type(value, struct pm_shadow_count);
} shadows SEC(".maps");

/* What the interface numbers stand for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_INTERFACES);
	__type(key, __u32);
	__type(value, struct pm_interface);
} interfaces SEC(".maps");

/* When the DHCP client of each interface last sent something (bpf/essentials.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_INTERFACES);
	__type(key, __u32);
	__type(value, struct pm_dhcp);
} dhcp SEC(".maps");

/* By pm_pace_index(): when the next essential of a kind is on schedule, in CLOCK_MONOTONIC ns
 * (bpf/pace.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PM_PACES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} paces SEC(".maps");

/* Whom this host has asked for, by ARP or neighbour discovery (bpf/pace.h). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct pm_neighbour_key);
	__type(value, struct pm_neighbour);
} neighbours SEC(".maps");

/* Where an address is, seen from an interface. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, PM_PLACES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pm_place_key);
	__type(value, struct pm_place);
} places SEC(".maps");

/* Events (bpf/event.h): what each consumer wants, what it lost, and its ring buffer. */
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

/* Where an event is put together before it goes into the rings: it is too large for the stack. */
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

/* The probe that the programs pm_ask_in and pm_ask_out answer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pm_probe);
} question SEC(".maps");

#endif
