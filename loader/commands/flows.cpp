// SPDX-License-Identifier: Apache-2.0
// The command flows: the live flows, largest first.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/observe/flow_reader.h"
#include "loader/show/show.h"
#include "loader/show/table.h"

namespace pm::command {
namespace {

struct Entry {
    pm_flow_key key;
    pm_flow value;
    std::uint64_t measure;
};

// Large tables have millions of entries: names and text are made of those that are shown only.
Result<std::vector<Entry>> find_flows(const FlowReader &reader, const FlowsArguments &arguments,
                                      const std::optional<Address> &peer) {
    std::optional<std::uint16_t> slot;
    if (!arguments.row.empty()) {
        slot = reader.slot(arguments.row);
        if (!slot)
            return fault(fmt::format("the policy in force has no row '{}'", arguments.row),
                         "see 'portmatrix status --all' for its rows", Exit::usage);
    }
    std::vector<Entry> found;
    if (!slot && !peer) found.reserve(reader.capacity());  // memory that is not used costs nothing
    auto walked = reader.each([&](const pm_flow_key &key, const pm_flow &value) {
        if ((slot && value.row != *slot) || (peer && Address::from(key.remote) != *peer)) return;
        const auto &counts =
            arguments.sort == FlowsArguments::Order::packets ? value.packets : value.bytes;
        const std::uint64_t measure = arguments.sort == FlowsArguments::Order::age
                                          ? reader.age(value)
                                          : counts[PM_IN] + counts[PM_OUT];
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

}  // namespace

int run_flows(const FlowsArguments &arguments) {
    std::optional<Address> peer;
    if (!arguments.peer.empty()) {
        auto parsed = parse_address(arguments.peer);
        if (!parsed) return end(Fault{parsed.error(), {}, Exit::usage});
        peer = *parsed;
    }
    auto deployment = open_as_root();
    if (!deployment) return end(deployment.error());
    if (!*deployment) {
        print_note("no policy is in force; there are no flows");
        return end(Exit::done);
    }
    auto reader = FlowReader::open(**deployment, arguments.interfaces);
    if (!reader) return end(reader.error());
    auto found = find_flows(*reader, arguments, peer);
    if (!found) return end(found.error());
    const auto chosen = choose_flows(*found, arguments.limit);
    (arguments.json ? print_json : print_text)(*reader, chosen);
    return end(Exit::done);
}

}  // namespace pm::command
