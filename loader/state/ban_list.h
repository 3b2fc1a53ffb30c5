// SPDX-License-Identifier: Apache-2.0
// The dynamic block list as it is kept: STATE/bans, a line each, under a line that says by which
// clock its times were true.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/model/bans.h"

namespace pm {

// As the file says, expired ones left out. Times follow the clock if it was stepped since.
Result<std::vector<Ban>> read_bans(const Paths &paths);

// Replaces the file. The caller holds the writer's lock, and has made the state folder.
Done write_bans(const Paths &paths, const std::vector<Ban> &bans);

// The image of the bans that hold now; empty: there are none.
Result<std::vector<std::uint8_t>> ban_image(const std::vector<Ban> &bans);

}  // namespace pm
