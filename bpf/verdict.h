/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is decided of a packet, as one number that the stages hand on:
 *
 *   UNDECIDED         the next stage decides; at the end it is a drop
 *   below 65536       a pass, on this counter slot (of a row or of an essential)
 *   reason << 16      a drop; the lower half is the slot of a row where one is known, else 0
 */
#ifndef PM_VERDICT_H
#define PM_VERDICT_H

#include "lookup.h"

#define UNDECIDED 0xffffffffU
/* Only from check_uncommon(): the quoted flow decides (related.h). */
#define ICMP_ERROR 0xfffffffeU
/* Likewise, and on the way in alone: a later fragment whose first was not seen. Its addresses
 * decide (fragment.h). */
#define FRAGMENT_ALONE 0xfffffffdU

static PM_INLINE __u32 pass(__u32 slot)
{
	return slot;
}

static PM_INLINE __u32 drop(__u32 reason)
{
	return pm_drop(reason);
}

/* A drop of a packet whose row is known: events name the row. */
static PM_INLINE __u32 drop_of(__u32 reason, __u32 slot)
{
	return pm_drop(reason) | slot;
}

static PM_INLINE int is_drop(__u32 verdict)
{
	return pm_reason_of(verdict) != 0;
}

#endif
