// SPDX-License-Identifier: Apache-2.0
// What became of an interface that has just come: udev asks before it tells others about it.
#pragma once

#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// Says whether the policy in force holds on it, after somebody has looked. A fault: it should be
// filtered and is not.
Result<std::string> announced(const Paths &paths, const std::string &name);

// Looks at it without a running `watch`, under the writer's lock: attaches to interfaces of the
// policy that have come. Nothing is restored: boot does that, when all interfaces are there.
Result<std::string> look_at_announced(const Paths &paths, const std::string &name);

}  // namespace pm
