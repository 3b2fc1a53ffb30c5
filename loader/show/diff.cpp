// SPDX-License-Identifier: Apache-2.0
// `diff` as text, a line for each difference: + added, - removed, ~ changed.
#include <fmt/core.h>

#include "loader/observe/flow_reader.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "policy/base/text.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm::show {
namespace {

constexpr std::size_t flows_shown = 20;

std::string ends_of(const Flow &flow) {
    auto end = [&](const pm_addr &address, bool local) {
        return endpoint(Address::from(address), flow_port(flow.key, local));
    };
    const std::string local = end(flow.key.local, true), remote = end(flow.key.remote, false);
    const bool in = flow.value.opener == PM_IN;
    return fmt::format("{} {} -> {}", transport_name(flow.key.protocol), in ? remote : local,
                       in ? local : remote);
}

std::string flows_text(const std::vector<FlowChange> &flows, bool cut) {
    std::string text;
    std::size_t count = 0;
    for (const FlowChange &one : flows) {
        if ((one.reason != PM_UNDECIDED) != cut || ++count > flows_shown) continue;
        text += cut ? fmt::format("  {} ({}): {}\n", ends_of(one.flow), one.flow.row,
                                  reason_label(one.reason))
                    : fmt::format("  {}: {} -> {}\n", ends_of(one.flow), one.flow.row, one.row);
    }
    if (count == 0) return "";
    if (count > flows_shown) text += fmt::format("  and {} more\n", count - flows_shown);
    return fmt::format("{} would be {}:\n{}", plural(count, "live flow"),
                       cut ? "cut" : "counted on another row", text);
}

}  // namespace

std::string diff_text(const std::vector<Change> &changes, const std::vector<FlowChange> &flows) {
    std::string text;
    for (const Change &one : changes) {
        switch (one.what) {
            case Change::What::added:
                text += fmt::format("+ {} {}: {}\n", one.kind, one.name, one.after);
                break;
            case Change::What::removed:
                text += fmt::format("- {} {}: {}\n", one.kind, one.name, one.before);
                break;
            case Change::What::changed:
                text +=
                    fmt::format("~ {} {}: {}{}{}\n", one.kind, one.name, one.before,
                                one.before.empty() || one.after.empty() ? "" : " -> ", one.after);
                break;
        }
    }
    return printable_lines(text + flows_text(flows, true) + flows_text(flows, false));
}

}  // namespace pm::show
