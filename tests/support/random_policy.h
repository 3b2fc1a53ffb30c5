// SPDX-License-Identifier: Apache-2.0
// Random policies where faults are likely: their sets and port ranges overlap and touch.
#pragma once

#include "policy/model/model.h"
#include "tests/support/random.h"

namespace pm::test {

Policy random_policy(Random &random);

// The policy with a few changes: rows removed or moved, or a set blocked.
Policy changed_policy(Random &random, const Policy &policy);

}  // namespace pm::test
