// SPDX-License-Identifier: Apache-2.0
// Asks the probe programs in the kernel what the policy in force says of a flow's first packet.
// They run the code that judges real packets, so the answer is not a second opinion.
#pragma once

#include <cstdint>
#include <optional>

#include "loader/base/fault.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/observe/explain.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

// What they said, and what was in force then.
struct KernelAnswer {
    std::uint32_t verdict = 0;  // as judge_first() gives it
    bool is_filtered = true;    // false: no policy is in force on the interface; nobody was asked
    std::optional<std::uint32_t> expired;  // the row that a date keeps from it: expired_row()
    bool is_closed = false;                // only essentials and failsafe rows pass there
    InForce in_force;
};

// On the question's interface; the caller holds Lock::probe.
Result<KernelAnswer> ask_kernel(const Pins &pins, const Switch &control, const Question &question);

// In words. `policy`: the one in force, as it was read; null: it cannot be read, and the words are
// those of its catalog.
Explanation explain_answer(const KernelAnswer &answer, const Question &question,
                           const Policy *policy, const std::string &interface);

}  // namespace pm
