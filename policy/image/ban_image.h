// SPDX-License-Identifier: Apache-2.0
// Compiles the list of bans to what the programs look addresses up in: struct pm_ban_image of
// maps/image.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model/bans.h"

namespace pm {

// The bans' image; empty if nothing is banned at `now` (seconds since the epoch), which is
// `boottime` (ns) to the programs. Where bans overlap, the latest expiry holds. More than 65,534
// different expiries are rounded up until they are fewer.
tl::expected<std::vector<std::uint8_t>, std::string> compile_bans(const std::vector<Ban> &bans,
                                                                  std::uint64_t now,
                                                                  std::uint64_t boottime);

}  // namespace pm
