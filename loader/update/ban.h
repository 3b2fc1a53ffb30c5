// SPDX-License-Identifier: Apache-2.0
// The dynamic block list of the host: kept in STATE/bans, compiled into the map `bans`. The
// caller of what changes it holds the writer's lock.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/model/bans.h"

namespace pm {

struct BanRequest {
    std::vector<Prefix> prefixes;
    std::optional<std::uint64_t> seconds;  // none: until it is lifted
    bool force = false;                    // even if an SSH session of this host is cut
};

struct BanOutcome {
    std::size_t bans = 0;  // in force now
    bool enforced = true;  // false: no policy is in force, so nothing is dropped yet
    std::vector<std::string> notes;
};

// Bans from now on, live flows included; who was banned already is banned for the new time.
// Refused: own addresses, prefixes wider than /8 (IPv6 /32), what would cut an SSH session.
Result<BanOutcome> ban(const Paths &paths, const BanRequest &request);

// What is not banned is a fault, and nothing is lifted.
Result<BanOutcome> unban(const Paths &paths, const std::vector<Prefix> &prefixes);

}  // namespace pm
