// SPDX-License-Identifier: Apache-2.0
// The way out if what is pinned cannot be read, because it has the layout of another version or is
// damaged.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// Detaches every link and filter that is found by the pin folder, whichever version made it, and
// removes all pins. No map is read: it relies only on what every layout has, the names
// interface-NUMBER/{ingress, egress, egress_program} and the handle and priority of a clsact
// filter. Returns the names of the interfaces that are unfiltered now, without those that are gone.
Result<std::vector<std::string>> unfilter_all(const Paths &paths);

}  // namespace pm
