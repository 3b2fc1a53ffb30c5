// SPDX-License-Identifier: Apache-2.0
// Compiles the list of bans to what the programs look addresses up in: struct pm_ban_image of
// maps/image.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "maps/image.h"
#include "policy/model/bans.h"

namespace pm {

// The bans' image; empty if nothing is banned at `now` (seconds since the epoch), which is
// `boottime` (ns) to the programs. Where bans overlap, the latest expiry holds. More than 65,534
// different expiries are rounded up until they are fewer.
tl::expected<std::vector<std::uint8_t>, std::string> compile_bans(const std::vector<Ban> &bans,
                                                                  std::uint64_t now,
                                                                  std::uint64_t boottime);

// Addresses that are banned until the same time: CLOCK_BOOTTIME ns; the highest number: without
// end.
struct BannedRange {
    Range range;
    std::uint64_t until;

    bool operator==(const BannedRange &) const = default;
};

// What a bans' image says, in order: IPv4, then IPv6. Bans that have ended are among them.
std::vector<BannedRange> banned_ranges(pm_view image);

// What `one` bans longer than `other` does, by more than `tolerance` ns. Both are in order.
std::vector<BannedRange> banned_longer(const std::vector<BannedRange> &one,
                                       const std::vector<BannedRange> &other,
                                       std::uint64_t tolerance);

}  // namespace pm
