// SPDX-License-Identifier: Apache-2.0
// Reads what a set of addresses in nftables holds now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

// The parachute's table (loader/parachute), and its sets of those who are banned, IPv4 first.
inline constexpr const char *parachute_table = "portmatrix-parachute";
inline constexpr const char *parachute_bans[] = {"banned-v4", "banned-v6"};

struct NftRange {
    Range range;
    std::optional<std::uint64_t> left;  // ns until it ends by itself; none: it does not
};

// Of a set with `flags interval` in a table of the family inet, which must be there. In order.
Result<std::vector<NftRange>> read_nft_set(const std::string &table, const std::string &set);

}  // namespace pm
