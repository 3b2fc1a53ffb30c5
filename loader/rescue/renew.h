// SPDX-License-Identifier: Apache-2.0
// Makes the parachute of the confirmed generation (parachute/store.h) beside everything else:
// rendering and checking 100,000 prefixes takes seconds, and no apply waits for that. Until it is
// made, the one before stands; if it cannot be made, too, and the history says so.
#pragma once

#include <sys/types.h>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

// Is the stored parachute that of the confirmed generation? True also if none was ever confirmed.
bool has_parachute(const Paths &paths);

// Starts a process of its own that makes it, if that is needed. Returns its number, for who lives
// long enough to wait for it; 0: none was started. Nothing waits for it, and it holds nothing of
// ours.
pid_t start_renewal(const Paths &paths);

// What that process does.
Done renew_parachute(const Paths &paths);

}  // namespace pm
