// SPDX-License-Identifier: Apache-2.0
// Is what the service would apply what is in force?
#pragma once

#include "loader/base/fault.h"
#include "policy/image/catalog.h"
#include "policy/model/model.h"

namespace pm {

// The policy in force as it was stored, whose set files nobody edits. What was not stored, as
// boot's remainder, is read from the kernel, and counts only while its set files are the same.
Result<Policy> read_policy_in_force(const Catalog &catalog);

// The file that the service applies is no policy, or one that `diff` would tell from the one in
// force.
bool policy_file_differs(const Catalog &in_force);

}  // namespace pm
