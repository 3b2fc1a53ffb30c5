// SPDX-License-Identifier: Apache-2.0
// The bans (the block list that changes at run time), and the text that they are stored as.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model/address.h"

namespace pm {

// Whose ban it is, if nobody else is named; and if it is not known.
inline constexpr char default_owner[] = "admin", unknown_owner[] = "unknown";

// Letters, digits and . _ - @, at most 64, of which the first is a letter or digit.
bool is_owner(std::string_view text);

struct Ban {
    Prefix prefix;
    std::uint64_t created = 0;             // seconds since the epoch
    std::optional<std::uint64_t> expires;  // likewise; none: until it is lifted
    std::string owner = default_owner;     // a prefix may be banned by several, each for its time
    // Written in an earlier boot: steps of the clock in this one do not move its times.
    bool earlier = false;
};

// One ban a line: PREFIX CREATED EXPIRES [OWNER]. Times are in seconds since the epoch; EXPIRES is
// `never` for a ban that does not expire. A line without owner, as versions before owners wrote it,
// is of the default owner. '#' begins a comment. The error names the line.
tl::expected<std::vector<Ban>, std::string> parse_bans(const std::string &text);
std::string print_bans(const std::vector<Ban> &bans);

}  // namespace pm
