/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which policy a packet is judged by. One 64-bit number, the epoch, is loaded once a packet. It
 * names one record, which does not change while it is named (struct pm_record in abi.h). So a
 * packet is never judged by a mixture of two policies.
 */
#ifndef PM_EPOCH_H
#define PM_EPOCH_H

#include "constants.h"
#include "maps.bpf.h"
#include "packet.h"
#include "verdict.h"

/* Fill in which slots the query goes to. Returns enum pm_mode: that of this interface. */
static PM_INLINE __u32 load_policy(struct query *query)
{
	const struct pm_control *all;
	const struct pm_record *record;
	__u32 zero = 0;
	__u64 value;

	all = bpf_map_lookup_elem(&control, &zero);
	if (!all) {
		query->image = PM_IMAGE_SLOTS; /* no such slot: everything is dropped */
		return PM_MODE_ENFORCE;
	}
	value = *(const volatile __u64 *)&all->epoch;
	record = &all->records[pm_record_index(value)];
	/* An unconfirmed policy past its deadline: its fallback is in force. No process has to be
	 * alive for that. */
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
