// SPDX-License-Identifier: Apache-2.0
// The packets that a new policy is tried with in the kernel before any real packet meets it.
#pragma once

#include <vector>

#include "loader/attach/targets.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"

namespace pm {

// Those of the policy's own `expect` list, one that each row permits (of very many rows a part),
// and for each of them its neighbours: the next port, the sides exchanged.
std::vector<Question> test_packets(const Policy &policy, const Image &image,
                                   const std::vector<Target> &targets);

}  // namespace pm
