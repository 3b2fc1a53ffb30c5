// SPDX-License-Identifier: Apache-2.0
// What `watch` does for rows with a date. The programs count CLOCK_BOOTTIME, and each image has the
// way from that to UTC: written when the image is put into its slot, and here again when somebody
// has set the clock.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"

namespace pm {

struct TimeTold {
    std::vector<std::string> done, problems;  // a sentence each
};

// Nothing where no image has rows with a date.
Result<TimeTold> tell_time(const Paths &paths, const Pins &pins);

}  // namespace pm
