// SPDX-License-Identifier: Apache-2.0
// Sums of dropped packets, as `monitor --summary` and `drops` show them.
#pragma once

#include <string>
#include <vector>

#include "loader/observe/drop_log.h"
#include "loader/observe/drop_sums.h"

namespace pm::show {

std::string drop_sums_text(const DropSums &sums, bool colour);
std::string drop_sums_json(const DropSums &sums);  // a line a sum

// The log: a line of it, and all of it summed by peer, reason and row, most packets first.
std::string logged_drops_json(const LoggedDrops &line);
std::string log_minute_json(const LogMinute &minute);
std::string logged_sums_text(const std::vector<LoggedSum> &sums, bool colour);

}  // namespace pm::show
