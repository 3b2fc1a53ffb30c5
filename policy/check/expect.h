// SPDX-License-Identifier: Apache-2.0
// A policy's own tests: what it says under `expect`.
#pragma once

#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

// Asks every test, for every packet that it describes, on the interfaces that have a number in the
// image. A failure is an error with a witness; a test that describes no packet is a warning.
// Returns how many tests were asked; `packets` takes the packets themselves.
std::size_t check_expectations(const Policy &policy, const ImageView &image,
                               Diagnostics &diagnostics, std::vector<Question> *packets = nullptr);

}  // namespace pm
