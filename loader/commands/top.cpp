// SPDX-License-Identifier: Apache-2.0
// The command top: shows the matrix and its counters again and again, as a screen on a terminal or
// as text in a pipe.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/busiest_flows.h"
#include "loader/observe/flow_reader.h"
#include "loader/observe/flow_sums.h"
#include "loader/observe/selection.h"
#include "loader/observe/snapshot.h"
#include "loader/show/show.h"
#include "loader/show/top_model.h"
#include "loader/show/top_screen.h"

namespace pm::command {
namespace {

constexpr std::size_t flows_shown = 100;
// Walking large flow tables takes long. Between two walks are at least this many seconds, and more
// where walks would take a larger share of the time.
constexpr double walk_interval = 5;
constexpr double walk_share = 0.05;

class Looker {
public:
    Looker(const std::vector<std::string> &interfaces, Selection selection)
        : interfaces_(interfaces), selection_(std::move(selection)) {}

    // Reads the counters, and the flows if it is time or they are to be summed another way. Opens
    // the pins anew, because what is attached may have changed.
    Done look(std::optional<SumBy> by);
    const show::TopModel &model() const { return model_; }
    std::optional<SumBy> by() const { return by_; }

private:
    Done walk(const Deployment &deployment);

    const std::vector<std::string> &interfaces_;
    Selection selection_;  // of flows
    std::optional<SumBy> by_;
    show::TopModel model_;
    BusiestFlows busy_{flows_shown};
    double next_walk_ = 0;
};

Done Looker::look(std::optional<SumBy> by) {
    if (by != by_) next_walk_ = 0;
    by_ = by;
    auto deployment = need_deployment(Paths::from_environment());
    if (!deployment) return tl::unexpected(deployment.error());
    auto snapshot = read_snapshot(*deployment, interfaces_, LiveFlows::left_out);
    if (!snapshot) return tl::unexpected(snapshot.error());
    model_.look(std::move(*snapshot), monotonic_seconds());
    return monotonic_seconds() < next_walk_ ? Done() : walk(*deployment);
}

Done Looker::walk(const Deployment &deployment) {
    const double begin = monotonic_seconds();
    auto reader = FlowReader::open(deployment, interfaces_);
    if (!reader) return tl::unexpected(reader.error());
    if (!selection_.row.empty()) {
        auto slot = row_slot(deployment.in_force.catalog, selection_.row);
        if (!slot) return tl::unexpected(slot.error());
        selection_.slot = *slot;
    }
    std::map<std::pair<unsigned, unsigned>, std::uint64_t> live;
    show::TopModel::FlowLook look;
    FlowSums sums(by_.value_or(SumBy::peer));
    busy_.begin_walk(begin);
    auto walked = reader->each([&](const pm_flow_key &key, const pm_flow &value) {
        live[{key.interface, value.row}]++;
        look.total++;
        if (!selects(selection_, traffic_of(key, value))) return;
        const FlowRate rate = busy_.add(key, value, reader->age(value));
        if (by_) sums.add(key, value, rate);
    });
    busy_.end_walk();
    if (!walked) return walked;
    look.by = by_;
    for (const FlowSum &sum : sums.largest(FlowSums::Order::rate, flows_shown))
        look.sums.push_back({name_of(*by_, sum, *reader), sum});
    look.rates = busy_.busiest();
    for (const BusiestFlows::Busy &one : look.rates)
        look.flows.push_back(reader->describe(one.key, one.value));
    for (const auto &[where, count] : live)
        look.live[{reader->interface(where.first), where.second}] = count;
    model_.look(std::move(look));
    const double end = monotonic_seconds();
    next_walk_ = end + std::max(walk_interval, (end - begin) / walk_share);
    return {};
}

void print_look(const show::TopModel &model, std::optional<SumBy> by) {
    show::TopView view;
    view.by = by;
    fmt::print("{}  {}\n{}\n", time_text(realtime_ns()), model.title(), model.totals());
    if (const std::string alarm = model.alarm(); !alarm.empty()) fmt::print("{}\n", alarm);
    for (const auto pane : {show::Pane::rows, show::Pane::drops, show::Pane::flows}) {
        const show::Table table = model.table(pane, view);
        if (!table.empty()) fmt::print("\n{}", table.text(0, false));
    }
    fmt::print("\n");
}

// Waits for a signal, for so many seconds, or with `keys` for a key. True: a signal asks to end.
bool wait(int signals, double seconds, bool keys) {
    pollfd waits[] = {{signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    poll(waits, keys ? 2 : 1, static_cast<int>(seconds * 1000) + 1);
    return waits[0].revents != 0;
}

// Prints a table for each interval. The first look is not printed: rates need two.
Done print_looks(Looker &looker, int signals, unsigned seconds, const TopArguments &arguments) {
    if (auto looked = looker.look(arguments.by); !looked) return looked;
    while (!wait(signals, seconds, false)) {
        if (auto looked = looker.look(arguments.by); !looked) return looked;
        print_look(looker.model(), arguments.by);
        if (std::fflush(stdout) != 0) return cannot("write the output", errno);
        if (arguments.once) break;
    }
    return {};
}

Done draw_looks(Looker &looker, int signals, unsigned seconds, std::optional<SumBy> by) {
    if (auto looked = looker.look(by); !looked) return looked;
    auto screen = show::TopScreen::open(colour_on(STDOUT_FILENO));
    if (!screen) return tl::unexpected(screen.error());
    show::TopState state;
    state.seconds = seconds;
    state.view.by = by;
    state.view.unicode = screen->unicode();
    double next = monotonic_seconds() + seconds;
    while (!state.quit) {
        screen->draw(looker.model(), state);
        const double left = next - monotonic_seconds();
        if (left > 0 && wait(signals, left, true)) break;
        for (int key = screen->key(); key >= 0; key = screen->key()) show::obey(key, state);
        const bool is_due = !state.paused && monotonic_seconds() >= next;
        if (!is_due && state.view.by == looker.by()) continue;
        if (auto looked = looker.look(state.view.by); !looked) return looked;
        next = monotonic_seconds() + state.seconds;
    }
    return {};
}

}  // namespace

int run_top(const TopArguments &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    auto selection = parse_selection(arguments.selection);
    if (!selection) return end(selection.error());
    auto interval = parse_duration(arguments.interval);
    if (!interval) return end(interval.error());
    const Fd signals = end_signals();
    if (!signals) return end(cannot("wait for signals", errno).value());
    Looker looker(arguments.interfaces, *selection);
    const auto seconds = static_cast<unsigned>(std::min<std::uint64_t>(*interval, 3600));
    const bool draws = !arguments.once && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    auto done = draws ? draw_looks(looker, signals.get(), seconds, arguments.by)
                      : print_looks(looker, signals.get(), seconds, arguments);
    return done ? end(Exit::done) : end(done.error());
}

}  // namespace pm::command
