// SPDX-License-Identifier: Apache-2.0
// The names by which users know the kernel's numbers.
#pragma once

#include "maps/image.h"

namespace pm {

const char *reason_label(pm_reason reason);    // "no-row"; nullptr: no such reason
const char *reason_meaning(pm_reason reason);  // a clause for people
const char *essential_id(unsigned id);         // "essential-arp"; nullptr: no such one
const char *mode_name(pm_mode mode);           // "enforce"

}  // namespace pm
