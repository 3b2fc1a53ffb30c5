// SPDX-License-Identifier: Apache-2.0
// Interfaces of the policy in force that came late. The caller holds the writer's lock.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// Attaches the generation in force to those of its interfaces that have none of our programs, such
// as one that came late, but for those that were detached by command. Nothing where a policy waits
// to be confirmed.
struct Late {
    std::vector<std::string> attached;
    std::vector<std::string> unfit;  // why not to others, a sentence each
    std::vector<std::string> notes;
};
Result<Late> attach_missing(const Paths &paths);

}  // namespace pm
