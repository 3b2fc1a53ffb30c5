// SPDX-License-Identifier: Apache-2.0
// What a policy says of a ban: which sets it must not touch, and whom it is about to touch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/image/catalog.h"
#include "policy/model/address.h"
#include "policy/model/bans.h"
#include "policy/model/model.h"

namespace pm {

// The policy of this catalog, to be asked about bans; nothing: it cannot be read any more. That is
// a fault where it has sets that must not be banned.
Result<std::optional<Policy>> policy_about_bans(const Catalog &catalog);

// Refuses (Exit::refused) if a prefix overlaps a set of `never-ban`. `prefixes` may be many.
Done check_never_ban(const Policy &policy, const std::vector<Prefix> &prefixes);

// A warning, if the policy would refuse one of these bans now. It names one.
std::optional<std::string> never_ban_warning(const Policy &policy, const std::vector<Ban> &bans);

// "198.51.100.7 is in the set 'partners' (rows sip-in, sip-out)": every set that holds or overlaps
// the prefix, with the rows that name it. Or that it is in none, and which rows are for any peer.
std::string ban_text(const Policy &policy, const Prefix &prefix);

}  // namespace pm
