// SPDX-License-Identifier: Apache-2.0
// Clears what the kernel counted and remembered under a number or a slot, before another interface
// or row gets it.
#pragma once

#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "policy/image/catalog.h"

namespace pm {

// Flows, drop counters, neighbours and DHCP state of the interface that had the number before.
Done clear_number(const Pins &pins, unsigned number);

// Of the rows of `image` that `before` does not have: their counters on the interfaces with these
// numbers, and when their limits are due.
Done clear_new_rows(const Pins &pins, const std::vector<unsigned> &numbers, const Catalog &image,
                    const Catalog &before);

// What the last shadow counted.
Done clear_shadow(const Pins &pins);

}  // namespace pm
