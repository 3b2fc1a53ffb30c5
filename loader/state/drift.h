// SPDX-License-Identifier: Apache-2.0
// Does the policy file that the service applies differ from the policy in force?
#pragma once

#include "loader/base/fault.h"
#include "policy/image/catalog.h"
#include "policy/model/model.h"

namespace pm {

// The policy in force, as it was stored: nobody edits the set files that are stored with it. If it
// is not stored, as the failsafe rows that boot may put in force, it is read from the kernel's
// catalog; then it is a fault if its set files have changed since.
Result<Policy> read_policy_in_force(const Catalog &catalog);

// True also if the file is no policy. A difference is one that `diff` would show.
bool policy_file_differs(const Catalog &in_force);

}  // namespace pm
