/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Where an address is, seen from an interface: what the map `places` holds. The loader and `watch`
 * write it (loader/own/places.h), for no helper tells an address of this host, or of a
 * neighbour, from one behind a router. The programs only ask (bpf/place.h). An address that is not
 * in it is foreign.
 */
#ifndef PM_PLACES_H
#define PM_PLACES_H

#include "abi.h"

#define PM_PLACES_MAX 16384 /* of all interfaces together */
#define PM_PLACE_INTERFACE_BITS 32
#define PM_PLACE_ADDRESS_BITS 128

/* The kernel finds the longest prefix of this key. It compares bits in the order in which they are
 * in memory, so the address is in network byte order; IPv4 is ::ffff:a.b.c.d. */
struct pm_place_key {
	__u32 bits; /* that count: those of the interface, and of the address's prefix */
	__u32 interface;
	__u8 address[16];
};
PM_ASSERT(sizeof(struct pm_place_key) == 24, "pm_place_key");

enum pm_place_flag {
	PM_PLACE_OWN = 1, /* this host has it where the interface's packets are routed */
	PM_PLACE_ON_LINK = 2, /* in a subnet of the interface's link */
	/* With PM_PLACE_OWN: who hands over a packet with this source has it from this host's IP
	 * stack. On the port of a bridge anybody's may come by. */
	PM_PLACE_ROUTED = 4,
	PM_PLACE_STAYS = 8, /* this host forwards nothing: what is not its own goes nowhere */
};

/* A longer prefix has the flags of those that it lies in as well. */
struct pm_place {
	__u32 flags; /* enum pm_place_flag */
};
PM_ASSERT(sizeof(struct pm_place) == 4, "pm_place");

#endif
