// SPDX-License-Identifier: Apache-2.0
// Takes enforcement off interfaces again. The caller holds the writer's lock.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

struct DetachOutcome {
    std::vector<std::string> names;       // of the interfaces that are unfiltered now
    std::vector<std::string> notes = {};  // about a rollback that was due before
    Done cleared = {};  // a fault: unfiltered, but something is still attached there
};

// Stops enforcement on these interfaces, then removes their links, filters, programs and counters;
// with the last interface all pins. `watch` does not attach them again. A fault: nothing changed.
Result<DetachOutcome> detach_interfaces(const Paths &paths, const std::vector<std::string> &names);

// The same, and it takes portmatrix's own programs off that have no pin here, because they are of
// another pin folder, or because their pins were removed or are hidden (attach/occupant.h).
Result<DetachOutcome> detach_interfaces_by_force(const Paths &paths,
                                                 const std::vector<std::string> &names);

// As detach_interfaces(), on all interfaces. That nothing is attached is no fault.
Result<DetachOutcome> detach_all(const Paths &paths);

// Also what cannot be read: another version attached it, or it is damaged.
Result<DetachOutcome> detach_all_by_force(const Paths &paths);

}  // namespace pm
