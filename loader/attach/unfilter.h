// SPDX-License-Identifier: Apache-2.0
// The way out where the pinned state cannot be read: of another version's layout, or damaged.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// Detaches every link and filter that is found under the pin folder, whoever made them, and
// removes all pins; reads no map. Returns the names of the interfaces that are now unfiltered; one
// that is gone is left out. What every layout keeps is the names: interface-NUMBER/{ingress,
// egress, egress_program}, and the handle and priority of a clsact filter.
Result<std::vector<std::string>> unfilter_all(const Paths &paths);

}  // namespace pm
