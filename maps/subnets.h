/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which addresses are on the link of an interface: what the map `subnets` holds. The loader and
 * `watch` write it (loader/attach/subnets.h); the programs only ask. An address that is in no
 * subnet is foreign.
 */
#ifndef PM_SUBNETS_H
#define PM_SUBNETS_H

#include "abi.h"

#define PM_SUBNETS_MAX 1024 /* of all interfaces together */
#define PM_SUBNET_INTERFACE_BITS 32
#define PM_SUBNET_ADDRESS_BITS 128

/* The kernel finds the longest prefix of this key. It compares bits in the order in which they are
 * in memory, so the address is in network byte order; IPv4 is ::ffff:a.b.c.d. */
struct pm_subnet_key {
	__u32 bits; /* that count: those of the interface, and of the address's prefix */
	__u32 interface;
	__u8 address[16];
};
PM_ASSERT(sizeof(struct pm_subnet_key) == 24, "pm_subnet_key");

/* There is nothing to say of a subnet yet but that it is there. */
struct pm_subnet {
	__u32 zero;
};
PM_ASSERT(sizeof(struct pm_subnet) == 4, "pm_subnet");

#endif
