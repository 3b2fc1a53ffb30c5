/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The paces of essentials, and the neighbours that this host has asked for: what the maps `paces`
 * and `neighbours` hold. bpf/pace.h says what they are for. The programs write them.
 */
#ifndef PM_PACES_H
#define PM_PACES_H

#include "abi.h"

/* How many pass in a second, and how many at once (bpf/pace.h): essentials of a kind; questions for
 * this host by those whom it has not asked for; what comes of a neighbour that it has asked for in
 * the last PM_TIMEOUT_NEIGHBOUR seconds; segments of forgotten connections (bpf/admit.h);
 * essentials that another device of this host hands over. */
#define PM_ESSENTIAL_PACE 4000
#define PM_ESSENTIAL_BURST 4000
#define PM_QUESTION_PACE 100
#define PM_QUESTION_BURST 200
#define PM_NEIGHBOUR_PACE 20
#define PM_NEIGHBOUR_BURST 20
#define PM_TIMEOUT_NEIGHBOUR 600
#define PM_FORGOTTEN_PACE 1000
#define PM_FORGOTTEN_BURST 1000
#define PM_GUEST_PACE 1000
#define PM_GUEST_BURST 1000

/* Each essential has a pace of its number. These have one too. */
#define PM_PACE_QUESTION (PM_FIRST_ROW_SLOT - 1)
#define PM_PACE_FORGOTTEN (PM_FIRST_ROW_SLOT - 2)
#define PM_PACE_GUEST (PM_FIRST_ROW_SLOT - 3)
#define PM_ESSENTIAL(id, name, label, meaning) PM_ASSERT(id < PM_PACE_GUEST, label);
#include "essentials.def"
#undef PM_ESSENTIAL
#define PM_PACES (PM_INTERFACES * 2 * PM_FIRST_ROW_SLOT)

static inline __u32 pm_pace_index(__u32 interface, __u32 direction, __u32 kind)
{
	return (interface * 2 + direction) * PM_FIRST_ROW_SLOT + kind;
}

/* A neighbour that this host has asked for. */
struct pm_neighbour_key {
	struct pm_addr address;
	__u32 interface;
	__u32 zero;
};
PM_ASSERT(sizeof(struct pm_neighbour_key) == 24, "pm_neighbour_key");

struct pm_neighbour {
	__u64 asked; /* jiffies64 of the last question */
	__u64 scheduled; /* CLOCK_MONOTONIC ns at which its next packet is on schedule */
};
PM_ASSERT(sizeof(struct pm_neighbour) == 16, "pm_neighbour");

#endif
