/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the loader sets when it loads the programs of an interface. Constants for the verifier: a
 * branch that they rule out is not even looked at.
 */
#ifndef PM_CONSTANTS_H
#define PM_CONSTANTS_H

#include <linux/types.h>

const volatile __u32 pm_interface = 0; /* number of the interface, see struct pm_interface */
const volatile __u32 pm_image_mask = 4095; /* size of a slot of `images`, less 1 */
const volatile __u32 pm_bans_mask = 4095;
const volatile __u32 pm_hz = 250; /* jiffies a second */
const volatile __u32 pm_promotion_pace = 0; /* jiffies << PM_PACE_SHIFT between two promotions */

#endif
