// SPDX-License-Identifier: Apache-2.0
// The disk and the kernel after a command that was killed between them.
#pragma once

#include "loader/kernel/deployment.h"
#include "loader/state/store.h"

namespace pm {

// What boot puts in force is what is in force now.
Done reconcile(Store &store, const InForce &now);

}  // namespace pm
