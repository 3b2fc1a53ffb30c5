// SPDX-License-Identifier: Apache-2.0
// `flows --by` as text and as JSON Lines.
#include "loader/show/flow_sums.h"

#include <fmt/core.h>

#include "loader/show/table.h"

namespace pm::show {

const char *sum_by_name(SumBy by) {
    constexpr const char *names[] = {"peer", "prefix", "port", "row"};
    return names[static_cast<int>(by)];
}

std::string sum_text(const FlowSumName &name) {
    if (name.transport.empty()) return name.name.empty() ? "-" : name.name;
    return name.name.empty() ? name.transport : name.name + "/" + name.transport;
}

std::string flow_sums_text(SumBy by, const std::vector<NamedFlowSum> &sums, bool colour) {
    constexpr const char *titles[] = {"PEER", "PREFIX", "PORT", "ROW"};
    Table table({{titles[static_cast<int>(by)]},
                 {"FLOWS", right},
                 {"PACKETS IN", right},
                 {"BYTES IN", right},
                 {"PACKETS OUT", right},
                 {"BYTES OUT", right}});
    for (const auto &[name, sum] : sums)
        table.add({sum_text(name), std::to_string(sum.flows), std::to_string(sum.packets[PM_IN]),
                   std::to_string(sum.bytes[PM_IN]), std::to_string(sum.packets[PM_OUT]),
                   std::to_string(sum.bytes[PM_OUT])});
    return table.empty() ? "" : table.text(0, colour);
}

}  // namespace pm::show
