// SPDX-License-Identifier: Apache-2.0
// The command flows: the live flows, or sums of them, largest first.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/observe/flow_reader.h"
#include "loader/observe/flow_sums.h"
#include "loader/observe/selection.h"
#include "loader/show/show.h"
#include "loader/show/sums.h"
#include "loader/show/table.h"

namespace pm::command {
namespace {

using Order = FlowsArguments::Order;

struct Entry {
    pm_flow_key key;
    pm_flow value;
    std::uint64_t measure;
};

// Large tables have millions of entries: names and text are made of those that are shown only.
Result<std::vector<Entry>> find_flows(const FlowReader &reader, Order order,
                                      const Selection &selection) {
    std::vector<Entry> found;
    if (selection.is_any()) found.reserve(reader.capacity());  // not used, it costs nothing
    auto walked = reader.each([&](const pm_flow_key &key, const pm_flow &value) {
        if (!selects(selection, traffic_of(key, value))) return;
        const auto &counts = order == Order::packets ? value.packets : value.bytes;
        const std::uint64_t measure =
            order == Order::age ? reader.age(value) : counts[PM_IN] + counts[PM_OUT];
        found.push_back({key, value, measure});
    });
    if (!walked) return tl::unexpected(walked.error());
    return found;
}

// In the order in which they are shown.
std::vector<const Entry *> choose_flows(const std::vector<Entry> &found, std::size_t limit) {
    std::vector<const Entry *> chosen;
    chosen.reserve(found.size());
    for (const Entry &one : found) chosen.push_back(&one);
    std::stable_sort(chosen.begin(), chosen.end(),
                     [](const Entry *a, const Entry *b) { return a->measure > b->measure; });
    if (limit != 0 && chosen.size() > limit) chosen.resize(limit);
    return chosen;
}

void print_text(const FlowReader &reader, const std::vector<const Entry *> &chosen) {
    constexpr std::size_t batch = 10000;  // lines that share their columns' widths
    for (std::size_t at = 0; at < chosen.size(); at += batch) {
        std::vector<Flow> flows;
        for (std::size_t i = at; i < std::min(at + batch, chosen.size()); ++i)
            flows.push_back(reader.describe(chosen[i]->key, chosen[i]->value));
        fmt::print("{}", show::flows_text(flows, colour_on(STDOUT_FILENO)));
    }
}

void print_json(const FlowReader &reader, const std::vector<const Entry *> &chosen) {
    for (const Entry *one : chosen)
        std::fputs(show::flow_json(reader.describe(one->key, one->value)).c_str(), stdout);
}

Done print_flows(const FlowReader &reader, const FlowsArguments &arguments,
                 const Selection &selection) {
    return find_flows(reader, arguments.sort, selection).map([&](const std::vector<Entry> &found) {
        const auto chosen = choose_flows(found, arguments.limit);
        (arguments.json ? print_json : print_text)(reader, chosen);
    });
}

FlowSums::Order order_of_sums(Order order) {
    if (order == Order::packets) return FlowSums::Order::packets;
    return order == Order::flows ? FlowSums::Order::flows : FlowSums::Order::bytes;
}

Done print_sums(const FlowReader &reader, const FlowsArguments &arguments,
                const Selection &selection) {
    const SumBy by = *arguments.by;
    FlowSums sums(by);
    auto walked = reader.each([&](const pm_flow_key &key, const pm_flow &value) {
        if (selects(selection, traffic_of(key, value))) sums.add(key, value);
    });
    if (!walked) return walked;
    std::vector<show::NamedFlowSum> named;
    for (const FlowSum &sum : sums.largest(order_of_sums(arguments.sort), arguments.limit))
        named.push_back({name_of(by, sum, reader), sum});
    if (!arguments.json)
        fmt::print("{}", show::flow_sums_text(by, named, colour_on(STDOUT_FILENO)));
    else
        for (const auto &one : named) std::fputs(show::flow_sum_json(by, one).c_str(), stdout);
    return {};
}

// What can be told before anything is read.
Result<Selection> understand(const FlowsArguments &arguments) {
    if (arguments.by && arguments.sort == Order::age)
        return fault("--sort age: sums have no age", "write --sort bytes, packets or flows",
                     Exit::usage);
    if (!arguments.by && arguments.sort == Order::flows)
        return fault("--sort flows: only sums have a number of flows",
                     "add --by peer, --by prefix, --by port or --by row", Exit::usage);
    return parse_selection(arguments.selection);
}

}  // namespace

int run_flows(const FlowsArguments &arguments) {
    auto selection = understand(arguments);
    if (!selection) return end(selection.error());
    auto deployment = open_as_root();
    if (!deployment) return end(deployment.error());
    if (!*deployment) {
        print_note("no policy is in force; there are no flows");
        return end(Exit::done);
    }
    if (!selection->row.empty()) {
        auto slot = row_slot((*deployment)->in_force.catalog, selection->row);
        if (!slot) return end(slot.error());
        selection->slot = *slot;
    }
    auto reader = FlowReader::open(**deployment, arguments.interfaces);
    if (!reader) return end(reader.error());
    auto printed = (arguments.by ? print_sums : print_flows)(*reader, arguments, *selection);
    return printed ? end(Exit::done) : end(printed.error());
}

}  // namespace pm::command
