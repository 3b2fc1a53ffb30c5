// SPDX-License-Identifier: Apache-2.0
// Random policies, drawn where faults are likely: their sets and port ranges overlap and touch.
#pragma once

#include "policy/model.h"
#include "tests/support/random.h"

namespace pm::test {

Policy random_policy(Random &random);

// A policy that differs a little: rows gone, moved or added, a set blocked.
Policy changed_policy(Random &random, const Policy &policy);

}  // namespace pm::test
