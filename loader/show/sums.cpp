// SPDX-License-Identifier: Apache-2.0
// Sums of flows and of dropped packets as text.
#include "loader/show/sums.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "loader/show/table.h"
#include "loader/show/words.h"

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

namespace {

constexpr std::size_t peers_shown = 20;

// "120", "120 to 131"
std::string span_text(std::uint64_t packets, std::uint64_t uncertain) {
    return uncertain == 0 ? std::to_string(packets)
                          : fmt::format("{} to {}", packets, packets + uncertain);
}

std::string reasons_text(const DropSums &sums, bool colour) {
    std::vector<std::pair<DropSums::Reason, DropSums::Count>> all(sums.reasons().begin(),
                                                                  sums.reasons().end());
    std::ranges::stable_sort(
        all, [](const auto &a, const auto &b) { return a.second.packets > b.second.packets; });
    Table table({{"REASON"}, {"DIR"}, {"PACKETS", right}, {"BYTES", right}});
    for (const auto &[reason, count] : all)
        table.add({reason.label + (reason.audit ? " (would)" : ""),
                   direction_name(reason.direction), std::to_string(count.packets),
                   std::to_string(count.bytes)});
    return table.text(0, colour);
}

std::string peers_text(const DropSums &sums, bool colour) {
    Table table({{"PEER"}, {"PACKETS", right}});
    const auto all = sums.peers().largest();
    std::uint64_t over = 0;
    for (const auto &one : all) {
        if (table.size() < peers_shown)
            table.add({to_string(one.key), span_text(one.sum - one.over, one.over)});
        over = std::max(over, one.over);
    }
    if (table.empty()) return "";
    std::string text = table.text(0, colour);
    if (over != 0)
        text += fmt::format(
            "and others: more peers than the {} that are counted; a peer that is "
            "not here sent at most {}\n",
            DropSums::peers_most, plural(over, "packet"));
    else if (all.size() > peers_shown)
        text += fmt::format("and {}\n", plural(all.size() - peers_shown, "more peer"));
    return text;
}

std::string dropped_rows_text(const DropSums &sums, bool colour) {
    std::vector<std::pair<std::string, DropSums::Count>> all(sums.rows().begin(),
                                                             sums.rows().end());
    std::ranges::stable_sort(
        all, [](const auto &a, const auto &b) { return a.second.packets > b.second.packets; });
    Table table({{"ROW"}, {"PACKETS", right}, {"BYTES", right}});
    for (const auto &[row, count] : all)
        table.add({row, std::to_string(count.packets), std::to_string(count.bytes)});
    if (table.empty()) return "";
    return table.text(0, colour);
}

}  // namespace

std::string drop_sums_text(const DropSums &sums, bool colour) {
    if (sums.reasons().empty()) return "";
    std::string text = reasons_text(sums, colour);
    for (const std::string &part : {peers_text(sums, colour), dropped_rows_text(sums, colour)})
        if (!part.empty()) text += "\n" + part;
    return text;
}

std::string logged_sums_text(const std::vector<LoggedSum> &sums, bool colour) {
    Table table({{"FIRST"},
                 {"LAST"},
                 {"PEER"},
                 {"DIR"},
                 {"REASON"},
                 {"PROTO"},
                 {"PORT"},
                 {"PACKETS", right},
                 {"ROW"},
                 {"INTERFACE"}});
    for (const LoggedSum &one : sums)
        table.add({one.first, one.last, one.of.peer.empty() ? "-" : one.of.peer,
                   direction_name(one.of.direction),
                   one.of.reason + (one.of.audit ? " (would)" : ""), one.of.transport,
                   to_string(one.ports), span_text(one.packets, one.uncertain),
                   one.of.row.empty() ? "-" : one.of.row, one.of.interface});
    return table.empty() ? "" : table.text(0, colour);
}

}  // namespace pm::show
