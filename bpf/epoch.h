/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which policy a packet is judged by: one epoch, loaded once a packet, names one immutable
 * record. A packet is never judged by a mixture of two.
 */
#ifndef PM_EPOCH_H
#define PM_EPOCH_H

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* What the packet is to be asked about. Returns enum pm_mode. */
static PM_INLINE __u32 load_epoch(struct query *query)
{
	const struct pm_control *all;
	const struct pm_record *record;
	__u32 zero = 0;
	__u64 value;

	all = bpf_map_lookup_elem(&control, &zero);
	if (!all) {
		query->image = PM_IMAGE_SLOTS; /* there is none: everything is dropped */
		return PM_MODE_ENFORCE;
	}
	value = *(const volatile __u64 *)&all->epoch;
	record = &all->records[pm_record_index(value)];
	/* An unconfirmed policy that is past its deadline: nobody has to be alive for this. */
	if (record->deadline && bpf_ktime_get_boot_ns() > record->deadline) {
		value = record->fallback;
		record = &all->records[pm_record_index(value)];
	}
	query->sequence = pm_sequence(value);
	query->image = record->image;
	query->bans = record->bans;
	query->shadow = record->shadow;
	return record->interfaces >> pm_interface & 1 ? record->mode : PM_MODE_OFF;
}

#endif
