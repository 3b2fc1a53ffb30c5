// SPDX-License-Identifier: Apache-2.0
// What the decided matrix tells of each row: is any packet credited to it, and which earlier rows
// win packets that it permits too.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/image/matrix.h"
#include "policy/model/model.h"

namespace pm {

struct Credit {
    bool credited = false;               // some packet is credited to the row
    bool blocked = false;                // `block` drops some packet that the row permits
    std::vector<std::uint16_t> winners;  // earlier rows that such packets go to; at most three
};

std::vector<Credit> find_credits(const Policy &policy, const Matrix &matrix);

}  // namespace pm
