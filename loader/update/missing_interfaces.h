// SPDX-License-Identifier: Apache-2.0
// Interfaces of the policy in force that it is not attached to. Such an interface did not exist
// when the policy was put in force, or could not be attached to. The caller holds the writer's
// lock.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

struct MissingInterfaces {
    std::vector<std::string> attached;      // names
    std::vector<std::string> not_attached;  // why not to others, a sentence each
    std::vector<std::string> notes;
};

// Puts the generation in force on its missing interfaces, as far as possible. Leaves out those that
// were detached by command. Does nothing while a policy waits to be confirmed, or while nothing is
// pinned. Costs little while no interface is missing: `watch` calls it at each look.
Result<MissingInterfaces> attach_missing(const Paths &paths);

}  // namespace pm
