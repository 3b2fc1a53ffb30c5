// SPDX-License-Identifier: Apache-2.0
// The sentence that explains a verdict, in the names of the policy.
#pragma once

#include <string>

#include "maps/abi.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

std::string why_passed(const Policy &policy, const Row &row, const Question &question);

// `interface` is empty where the policy names none.
std::string why_dropped(const Policy &policy, const Question &question,
                        const std::string &interface, pm_reason reason);

}  // namespace pm
