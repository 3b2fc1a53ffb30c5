// SPDX-License-Identifier: Apache-2.0
// `flows`, `check` and `explain` as text.
#include <fmt/core.h>

#include "loader/observe/flow_reader.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/show/words.h"
#include "maps/image.h"
#include "policy/base/text.h"
#include "policy/model/transports.h"

namespace pm::show {

std::string flow_port(const pm_flow_key &key, bool local) {
    switch (key.protocol) {
        case PM_PROTO_TCP:
        case PM_PROTO_UDP:
            return std::to_string(local ? key.local_port : key.remote_port);
        default:
            return "";
    }
}

std::string flows_text(const std::vector<Flow> &flows, bool colour) {
    Table table({{"INTERFACE"},
                 {"ROW"},
                 {"DIR"},
                 {"PROTO"},
                 {"LOCAL"},
                 {"REMOTE"},
                 {"PACKETS IN", right},
                 {"BYTES IN", right},
                 {"PACKETS OUT", right},
                 {"BYTES OUT", right},
                 {"STATE"},
                 {"AGE", right},
                 {"IDLE", right}});
    for (const Flow &one : flows)
        table.add({one.interface, one.row.empty() ? "-" : one.row, direction_name(one.value.opener),
                   transport_name(one.key.protocol),
                   endpoint(Address::from(one.key.local), flow_port(one.key, true)),
                   endpoint(Address::from(one.key.remote), flow_port(one.key, false)),
                   std::to_string(one.value.packets[PM_IN]), std::to_string(one.value.bytes[PM_IN]),
                   std::to_string(one.value.packets[PM_OUT]),
                   std::to_string(one.value.bytes[PM_OUT]), one.state, fmt::format("{} s", one.age),
                   fmt::format("{} s", one.idle)});
    return table.empty() ? "" : table.text(0, colour);
}

std::string matrix_text(const Policy &policy, bool colour) {
    Table table({{"ROW"},
                 {"SECTION"},
                 {"ROLE"},
                 {"PROTOCOL"},
                 {"TRANSPORT"},
                 {"DIR"},
                 {"SOURCE"},
                 {"SOURCE PORT"},
                 {"DESTINATION"},
                 {"PORT"}});
    for (const Row &row : policy.rows) {
        const bool has_ports = !row.port.empty();
        table.add({row.id, row.section == Section::failsafe ? "failsafe" : "matrix", row.role,
                   row.protocol, transports_text(row, ","),
                   direction_name(static_cast<unsigned>(row.direction)), row.source,
                   has_ports ? to_string(row.source_port) : "", row.destination,
                   has_ports ? to_string(row.port) : ""});
    }
    return table.text(0, colour);
}

std::string explanation_text(const Explanation &explanation, bool colour) {
    const char *verdict = explanation.pass ? "pass" : "drop";
    const char *paint = explanation.pass ? "\033[32m" : "\033[31m";
    const std::string text =
        fmt::format("{}{}{}{} ({}, {}): {}\n  {}\n",
                    explanation.interface.empty() ? "" : printable(explanation.interface) + ": ",
                    colour ? paint : "", verdict, colour ? "\033[0m" : "",
                    direction_name(static_cast<unsigned>(explanation.direction)),
                    transport_name(explanation.transport),
                    !explanation.pass         ? explanation.reason
                    : explanation.row.empty() ? "not filtered"
                                              : "row " + printable(explanation.row),
                    printable(explanation.why.text));
    return explanation.why.remedy.empty()
               ? text
               : text + fmt::format("  {}\n", printable(explanation.why.remedy));
}

}  // namespace pm::show
