// SPDX-License-Identifier: Apache-2.0
// Do the programs in the kernel judge by the policy in force?
#pragma once

#include <cstddef>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"

namespace pm {

// Asks the probe programs, by the record in force, about one packet that must pass and one that
// must be dropped, each way, on the interface with this number, and compares with the same look-ups
// here. Returns how many packets were asked about; 0: no policy holds there, or none was found. A
// fault: the answers differ, or could not be had.
Result<std::size_t> probe_in_force(const Paths &paths, const Pins &pins, unsigned number);

}  // namespace pm
