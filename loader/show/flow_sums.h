// SPDX-License-Identifier: Apache-2.0
// Sums of flows, as `flows --by` and `top` show them.
#pragma once

#include <string>
#include <vector>

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

}  // namespace pm::show
