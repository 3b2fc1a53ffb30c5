// SPDX-License-Identifier: Apache-2.0
// The newest time that this host has seen, in STATE/newest-time. A host may boot with a clock that
// is years back, and a row whose date was past must not come back with it. So dates are held
// against the later of the two.
//
// Dates end with a day of UTC. So the file is written once a day: no date is past that it does not
// show.
#pragma once

#include <cstdint>
#include <filesystem>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

std::filesystem::path newest_time_file(const Paths &paths);

// ns since the epoch; 0: none is stored. A fault: the file cannot be read, or says no time.
Result<std::uint64_t> newest_time(const Paths &paths);

// Stores the time of the clock, if it is of a later day than what is stored.
Done keep_newest_time(const Paths &paths);

// From CLOCK_BOOTTIME to the later of the clock and the newest time, in ns.
Result<std::uint64_t> utc_offset(const Paths &paths);

}  // namespace pm
