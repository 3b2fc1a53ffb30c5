// SPDX-License-Identifier: Apache-2.0
// Example packets that show what a finding is about.
#pragma once

#include <optional>

#include "policy/judge/question.h"

namespace pm {

// The one of the ports, of which there are some, that reads best as a source port.
std::uint16_t usual_port(const Ports &ports);

// The packet of a flow that every one of the rows permits by itself; none if there is no such
// packet. Blocked peers are avoided where others are left. `interface` is the number of the
// policy's interface.
std::optional<Question> find_witness(const Policy &policy, const std::vector<const Row *> &rows);

}  // namespace pm
