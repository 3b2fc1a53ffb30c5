// SPDX-License-Identifier: Apache-2.0
// Who is banned by what is in force, whatever the list on disk says.
#pragma once

#include <vector>

#include "loader/kernel/switch.h"
#include "policy/image/ban_image.h"

namespace pm {

// Without bans that have ended.
std::vector<BannedRange> banned_now(const Switch &control);

}  // namespace pm
