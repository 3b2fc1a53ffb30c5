// SPDX-License-Identifier: Apache-2.0
// What is counted and remembered of an interface or a row starts at nothing when it is new.
#pragma once

#include <vector>

#include "loader/kernel/pins.h"
#include "policy/image/catalog.h"
#include "policy/image/compile.h"

namespace pm {

// Flows, drop counters and DHCP state of an interface that had the number before.
Done clear_number(const Pins &pins, unsigned number);

// Counters, on the interfaces with these numbers, of rows of `image` that `before` has not.
Done clear_new_rows(const Pins &pins, const std::vector<unsigned> &numbers, const Catalog &image,
                    const Catalog &before);

// What the shadow before counted.
Done clear_shadow(const Pins &pins);

}  // namespace pm
