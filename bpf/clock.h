/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Time in jiffies, and in stamps of flows.
 */
#ifndef PM_CLOCK_H
#define PM_CLOCK_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "constants.h"
#include "image.h"

/* Have more than so many seconds gone by, in jiffies? Signed: another CPU may have stamped `then`
 * when `now` was read already. */
static PM_INLINE int is_over(__u64 then, __u64 now, __u32 seconds)
{
	return (__s64)(now - then) > (__s64)seconds * pm_hz;
}

static PM_INLINE __u32 stamp_now(void)
{
	return bpf_jiffies64() >> PM_STAMP_SHIFT;
}

#endif
