// SPDX-License-Identifier: Apache-2.0
// The bans (the block list that changes at run time), and the text that they are stored as.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model/address.h"

namespace pm {

struct Ban {
    Prefix prefix;
    std::uint64_t created = 0;             // seconds since the epoch
    std::optional<std::uint64_t> expires;  // likewise; none: until it is lifted
    // Written in an earlier boot: steps of the clock in this one do not move its times.
    bool earlier = false;
};

// One ban a line: PREFIX CREATED EXPIRES. Times are in seconds since the epoch; EXPIRES is `never`
// for a ban that does not expire. '#' begins a comment. The error names the line.
tl::expected<std::vector<Ban>, std::string> parse_bans(const std::string &text);
std::string print_bans(const std::vector<Ban> &bans);

}  // namespace pm
