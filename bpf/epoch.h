/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which policy a packet is judged by: one epoch, loaded once a packet, names one immutable
 * record. A packet is never judged by a mixture of two.
 */
#ifndef PM_EPOCH_H
#define PM_EPOCH_H

#include "maps.bpf.h"
#include "verdict.h"

struct epoch {
	__u32 sequence;
	__u32 image;
	__u32 bans;
	__u32 mode;
};

/* False: the control map cannot be read, which does not happen. */
static PM_INLINE int load_epoch(struct epoch *epoch)
{
	const struct pm_control *all;
	const struct pm_record *record;
	__u32 zero = 0;
	__u64 value;

	all = bpf_map_lookup_elem(&control, &zero);
	if (!all)
		return 0;
	value = *(const volatile __u64 *)&all->epoch;
	record = &all->records[pm_record_index(value)];
	/* An unconfirmed policy that is past its deadline: nobody has to be alive for this. */
	if (record->deadline && bpf_ktime_get_boot_ns() > record->deadline) {
		value = record->fallback;
		record = &all->records[pm_record_index(value)];
	}
	epoch->sequence = pm_sequence(value);
	epoch->image = record->image;
	epoch->bans = record->bans;
	epoch->mode = record->mode;
	return 1;
}

#endif
