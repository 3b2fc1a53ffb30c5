// SPDX-License-Identifier: Apache-2.0
// Runs commands of nftables by its library, in a child: the library ends its process where it has
// no memory or no netlink.
#pragma once

#include <string>

#include "loader/base/fault.h"

namespace pm {

enum class NftRun { for_real, dry };

// `text`: JSON, or what `nft -f` reads. All of it is done, or nothing. The fault is "cannot WHAT",
// with the first line of what nftables says.
Done run_nftables(const char *what, const std::string &text, NftRun how = NftRun::for_real);

}  // namespace pm
