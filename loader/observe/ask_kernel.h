// SPDX-License-Identifier: Apache-2.0
// Asks the probe programs in the kernel what the policy in force says of a flow's first packet.
// They run the code that judges real packets, so the answer is not a second opinion.
#pragma once

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/observe/explain.h"
#include "policy/judge/question.h"

namespace pm {

// On the question's interface; the caller holds Lock::probe.
Result<Explanation> ask_kernel(const Pins &pins, const Switch &control, const Question &question);

}  // namespace pm
