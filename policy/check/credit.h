// SPDX-License-Identifier: Apache-2.0
// What the decided matrix tells of each row: does any packet go to it, and who takes others.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/image/matrix.h"

namespace pm {

struct Credit {
    bool credited = false;              // some packet goes to the row
    bool blocked = false;               // some packet that it permits is blocked
    std::vector<std::uint16_t> takers;  // earlier rows that packets of it go to; at most three
};

std::vector<Credit> find_credits(const Policy &policy, const Matrix &matrix);

}  // namespace pm
