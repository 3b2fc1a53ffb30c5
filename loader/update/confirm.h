// SPDX-License-Identifier: Apache-2.0
// What becomes of a policy after its apply: kept or taken back. The caller holds the writer's lock.
#pragma once

#include "loader/base/paths.h"
#include "loader/update/outcome.h"

namespace pm {

// Keeps the policy that waits to be confirmed. Past its deadline: refused.
Result<Outcome> confirm(const Paths &paths);

// One step back: from a policy that waits to be confirmed to its fallback, else to the one that
// was confirmed before; from there, back again.
Result<Outcome> roll_back(const Paths &paths);

}  // namespace pm
