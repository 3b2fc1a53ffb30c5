// SPDX-License-Identifier: Apache-2.0
// The list of bans on disk: STATE/bans has a line for each, below a line that says how the clock
// was set when their times were written (clock.h).
//
// Bans of earlier boots stand below a line of an unknown boot. Their times are what the clock says
// once it is right, however wrong it is set now: at boot, before the network has the time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/model/bans.h"

namespace pm {

// If the clock was stepped since the file was written, the times are moved with it.
struct BanList {
    std::vector<Ban> bans;
    std::vector<Ban> ended;  // they stand in the file until it is written again
};
Result<BanList> read_ban_list(const Paths &paths);
Result<std::vector<Ban>> read_bans(const Paths &paths);  // without those that have ended

// Replaces the file. The caller holds the writer's lock, and has made the state folder.
Done write_bans(const Paths &paths, const std::vector<Ban> &bans);

// Is another each time that the file is written.
std::string version_of_bans(const Paths &paths);

// The bans compiled for the map `bans`; empty: there are none.
Result<std::vector<std::uint8_t>> compiled_bans(const std::vector<Ban> &bans);

}  // namespace pm
