// SPDX-License-Identifier: Apache-2.0
// The disk and the kernel, after a command that was killed between them.
//
// A command writes confirmed.json before its switch. If it is killed between the two, boot would
// put a generation in force that is not in force now.
#pragma once

#include "loader/base/fault.h"
#include "loader/kernel/deployment.h"
#include "loader/state/store.h"

namespace pm {

// Makes confirmed.json name the generation in force, with the one that was before it. Changes
// nothing if a policy waits to be confirmed, or if the generation in force was never confirmed.
Done reconcile(Store &store, const InForce &now);

}  // namespace pm
