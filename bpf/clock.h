/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Time in jiffies, and in stamps: what flows count in, 16 jiffies each (PM_STAMP_SHIFT).
 */
#ifndef PM_CLOCK_H
#define PM_CLOCK_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "constants.h"
#include "image.h"

/* Have more than `seconds` seconds passed since `then`? Both times are in jiffies. The difference
 * is signed, because `then` may lie after `now`: another CPU may have stamped it after this one
 * read the clock. */
static PM_INLINE int is_over(__u64 then, __u64 now, __u32 seconds)
{
	return (__s64)(now - then) > (__s64)seconds * pm_hz;
}

static PM_INLINE __u32 stamp_now(void)
{
	return bpf_jiffies64() >> PM_STAMP_SHIFT;
}

#define NS_PER_SECOND 1000000000

static PM_INLINE __u64 stamps_to_ns(__u32 stamps)
{
	return ((__u64)stamps << PM_STAMP_SHIFT) * (NS_PER_SECOND / pm_hz);
}

#endif
