// SPDX-License-Identifier: Apache-2.0
// Runs a policy's own tests, which it has under `expect`.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

struct Tested {
    std::size_t count = 0;            // expectations that describe a packet
    std::vector<Question> questions;  // those that were asked
    // By a row's id: expectations that hold, and that it passes a packet of.
    std::map<std::string, std::size_t> by_row;
};

// Asks every expectation, for every kind of packet that it describes, on the interfaces that have
// a number in the image, up to its first failure. A failure is an error with a witness; an
// expectation that describes no packet is a warning.
Tested check_expectations(const Policy &policy, const ImageView &image, Diagnostics &diagnostics);

}  // namespace pm
