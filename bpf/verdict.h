/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is decided of a packet, as one number that stages hand on: undecided, a pass on a
 * counter slot (of a row or an essential), or a drop for a reason, of a row where there is one.
 * And what the loader set when it loaded the programs.
 */
#ifndef PM_VERDICT_H
#define PM_VERDICT_H

#include "lookup.h"

/* Two answers of a stage that are no verdict: the next stages decide; and, only before the flow
 * tables: the packet is an ICMP error, the flow that it quotes decides. */
#define UNDECIDED 0xffffffffU
#define ICMP_ERROR 0xfffffffeU

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
