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
    bool credited = false;  // some packet is credited to the row
    bool blocked = false;   // `block` drops some packet that the row permits
    // Earlier rows that such packets go to, at most three. A row that is past wins none; one whose
    // date is still to come leaves its packets to the row later, which is credited then.
    std::vector<std::uint16_t> winners;
};

// `now`: ns of UTC.
std::vector<Credit> find_credits(const Policy &policy, const Matrix &matrix, std::uint64_t now);

}  // namespace pm
