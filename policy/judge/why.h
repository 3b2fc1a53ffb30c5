// SPDX-License-Identifier: Apache-2.0
// The sentence that explains a verdict, in the names of the policy, and what to do about it.
#pragma once

#include <string>

#include "maps/abi.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

struct Why {
    std::string text;    // a sentence
    std::string set;     // the set of the peer that decided: of the row, or under block
    std::string entry;   // of that set, which holds the peer: "198.51.100.0/24"
    std::string row;     // of a drop: the row that comes nearest to permitting it
    std::string remedy;  // what to do if it is to pass
    // What has no part in it is empty.
};

Why why_passed(const Policy &policy, const Row &row, const Question &question);

// `interface` is empty where the policy names none.
Why why_dropped(const Policy &policy, const Question &question, const std::string &interface,
                pm_reason reason);

}  // namespace pm
