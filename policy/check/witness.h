// SPDX-License-Identifier: Apache-2.0
// Finds an example packet that shows what a warning is about.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

// One of the ports, which are not empty: the one that reads best as a source port.
std::uint16_t usual_port(const Ports &ports);

// The first packet of a flow that each of the rows permits; none if there is no such packet.
// Blocked peers are avoided where others are left. `interface` is the number of the interface in
// the policy.
std::optional<Question> find_witness(const Policy &policy, const std::vector<const Row *> &rows);

}  // namespace pm
