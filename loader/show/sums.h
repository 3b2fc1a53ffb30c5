// SPDX-License-Identifier: Apache-2.0
// Sums of flows and of dropped packets, as `flows --by`, `top`, `monitor --summary` and `drops`
// show them. As text in sums.cpp, as JSON Lines in json_sums.cpp.
#pragma once

#include <string>
#include <vector>

#include "loader/observe/drop_log.h"
#include "loader/observe/drop_sums.h"
#include "loader/observe/flow_sums.h"

namespace pm::show {

struct NamedFlowSum {
    FlowSumName name;
    FlowSum sum;
};

const char *sum_by_name(SumBy by);              // "peer"
std::string sum_text(const FlowSumName &name);  // "5061/tcp"; "-": its row has left the policy
std::string flow_sums_text(SumBy by, const std::vector<NamedFlowSum> &sums, bool colour);
std::string flow_sum_json(SumBy by, const NamedFlowSum &sum);  // a line

std::string drop_sums_text(const DropSums &sums, bool colour);
std::string drop_sums_json(const DropSums &sums);  // a line a sum

// The log: a line of it, and all of it summed by peer, reason and row, most packets first.
std::string logged_drops_json(const LoggedDrops &line);
std::string log_minute_json(const LogMinute &minute);
std::string logged_sums_text(const std::vector<LoggedSum> &sums, bool colour);

}  // namespace pm::show
