/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is decided of a packet, as one number that stages hand on: undecided, a pass on a
 * counter slot (of a row or an essential), or a drop for a reason, of a row where there is one.
 * And what the loader set when it loaded the programs.
 */
#ifndef PM_VERDICT_H
#define PM_VERDICT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lookup.h"

const volatile __u32 pm_interface = 0; /* number of the interface, see struct pm_interface */
const volatile __u32 pm_image_mask = 4095; /* size of a slot of `images`, less 1 */
const volatile __u32 pm_bans_mask = 4095;
const volatile __u32 pm_hz = 250; /* jiffies a second */
const volatile __u32 pm_promotion_pace = 0; /* jiffies << PM_PACE_SHIFT between two promotions */
const volatile __u32 pm_lacp = 0; /* 1: the interface is a bond or a part of one */

#define UNDECIDED 0xffffffffU

/* Have more than so many seconds gone by, in jiffies? Signed: another CPU may have stamped `then`
 * when `now` was read already. */
static PM_INLINE int is_over(__u64 then, __u64 now, __u32 seconds)
{
	return (__s64)(now - then) > (__s64)seconds * pm_hz;
}

static PM_INLINE __u32 pass(__u32 slot)
{
	return slot;
}

static PM_INLINE __u32 drop(__u32 reason)
{
	return pm_drop(reason);
}

/* The same where a row is known: events name it. */
static PM_INLINE __u32 drop_of(__u32 reason, __u32 slot)
{
	return pm_drop(reason) | slot;
}

static PM_INLINE int is_drop(__u32 verdict)
{
	return pm_reason_of(verdict) != 0;
}

#endif
