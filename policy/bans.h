// SPDX-License-Identifier: Apache-2.0
// The dynamic block list: as a text that is kept, and compiled to the image that the programs
// ask (struct pm_ban_image). Pure: no kernel, no files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/address.h"

namespace pm {

struct Ban {
    Prefix prefix;
    std::uint64_t created = 0;             // seconds since the epoch
    std::optional<std::uint64_t> expires;  // likewise; none: until it is lifted
};

// A line a ban: PREFIX CREATED EXPIRES, in seconds since the epoch, the last `never` where it does
// not expire. '#' begins a comment. The error names the line.
tl::expected<std::vector<Ban>, std::string> parse_bans(const std::string &text);
std::string print_bans(const std::vector<Ban> &bans);

// The bans' image; empty if nothing is banned at `now` (seconds since the epoch), which is
// `boottime` (ns) to the programs. Where bans overlap, the latest expiry holds. More than 65,534
// different expiries are rounded up until they are fewer.
tl::expected<std::vector<std::uint8_t>, std::string> compile_bans(const std::vector<Ban> &bans,
                                                                  std::uint64_t now,
                                                                  std::uint64_t boottime);

}  // namespace pm
