// SPDX-License-Identifier: Apache-2.0
// What becomes of a policy after its apply: it is kept, or taken back. The caller holds the
// writer's lock.
//
// A policy that was applied with a deadline waits to be confirmed. Boot would put the generation
// before it in force, and so does the kernel at the deadline (expiry.h).
//
// confirm() writes the generation into confirmed.json, then publishes its record without a
// deadline.
//
// roll_back() goes one step back:
// 1. a policy waits to be confirmed: its fallback is published;
// 2. its deadline has passed just now: nothing more is to be done;
// 3. else the generation that was confirmed before the one in force is put in force, on all its
//    interfaces or none. Each names the other in confirmed.json, so that the next rollback goes
//    forward again.
//
// The command `rollback --to` is none of this: it applies the policy of a kept generation
// (apply.h).
#pragma once

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/update/outcome.h"

namespace pm {

// Refused if the deadline has passed. A fault if no policy waits.
Result<Outcome> confirm(const Paths &paths);

Result<Outcome> roll_back(const Paths &paths);

}  // namespace pm
