// SPDX-License-Identifier: Apache-2.0
// A question to a policy: what does it say of this packet, if it is the first of a flow?
#pragma once

#include <cstdint>
#include <string>

#include "maps/image.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

struct Question {
    Address from, to;
    std::uint16_t from_port = 0, to_port = 0;
    std::uint8_t transport = 0;
    Direction direction = Direction::in;
    unsigned interface = 0;  // number
};

pm_flow_key to_key(const Question &question);
Question to_question(const pm_flow_key &flow, Direction opener);
std::string to_string(const Question &question);  // "tcp 198.51.100.7:40000 -> 203.0.113.10:5061"

}  // namespace pm
