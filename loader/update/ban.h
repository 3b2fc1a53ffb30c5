// SPDX-License-Identifier: Apache-2.0
// The dynamic block list of the host: STATE/bans (ban_list.h), compiled into the map `bans`. The
// caller holds the writer's lock.
//
// A change of the list, in this order:
// 1. the new list is compiled and written into a slot that no packet reads;
// 2. it is refused if it would cut an SSH session of this host, or is about a set of `never-ban`;
// 3. it is written to STATE/bans;
// 4. it is published, in the record in force and in the fallback of a policy that waits to be
//    confirmed. If 3 or 4 fails, the list on disk is written as it was.
//
// If no policy is in force, only step 3 is done: the next apply reads the list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "maps/lookup.h"
#include "policy/model/bans.h"

namespace pm {

struct BanRequest {
    std::vector<Prefix> prefixes;
    std::optional<std::uint64_t> seconds;  // none: until it is lifted
    std::string owner = default_owner;
    bool force = false;            // even if an SSH session of this host is cut
    bool force_never_ban = false;  // even if the policy says never-ban
    // Called when all is prepared, and nothing is banned yet: the moment to compare the bans in
    // force with those that follow. Not called where no policy is in force.
    std::function<void(pm_view image, pm_view bans)> before_switch = {};
};

struct BanOutcome {
    std::size_t bans = 0;          // in the list now
    bool enforced = true;          // false: no policy is in force, so nothing is dropped yet
    std::size_t changed = 0;       // how many of the prefixes were banned or lifted
    std::set<std::string> owners;  // whose bans were lifted
    std::vector<std::string> notes;
};

// Bans these prefixes from now on, and drops their live flows. Each owner has a ban of its own on a
// prefix, and the one that ends last holds. A prefix that the owner has banned already gets the new
// time, but is never banned for less: that is said. Refused are
// - prefixes wider than /8, for IPv6 /32;
// - prefixes that hold an address of this host, or an own address of the policy;
// - prefixes that overlap a set of the policy's never-ban, unless that is forced;
// - what would cut an SSH session, unless it is forced.
// The notes say which sets of the policy each prefix is in.
Result<BanOutcome> ban(const Paths &paths, const BanRequest &request);

// Lifts the bans of exactly these prefixes; of a ban whose owner is unknown also a part, as what it
// was made of is not known. A prefix that is not banned is no fault, and is said. So is by whom a
// prefix stays banned. `owner` empty: of all owners.
Result<BanOutcome> unban(const Paths &paths, const std::vector<Prefix> &prefixes,
                         const std::string &owner);

// Lifts all bans of this owner. `owner` empty: of all owners. That there are none is no fault.
Result<BanOutcome> unban_all(const Paths &paths, const std::string &owner);

// After the clock was set, or the list was lost: puts the bans in force as long as their times say
// by the clock as it is now, and writes them. Returns a sentence each for what no line named, and
// for what changed by more than a second for some address. No SSH session is spared: these bans
// were in force or in the list before.
Result<std::vector<std::string>> place_bans_anew(const Paths &paths);

}  // namespace pm
