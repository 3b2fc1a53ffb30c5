// SPDX-License-Identifier: Apache-2.0
// The command top: shows the matrix and its counters again and again, as a screen on a terminal or
// as text in a pipe.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
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
    explicit Looker(const std::vector<std::string> &interfaces) : interfaces_(interfaces) {}

    // Reads the counters, and the flows if it is time. Opens the pins anew, because what is
    // attached may have changed.
    Done look();
    const show::TopModel &model() const { return model_; }

private:
    Done walk(const Deployment &deployment);

    const std::vector<std::string> &interfaces_;
    show::TopModel model_;
    BusiestFlows busy_{flows_shown};
    double next_walk_ = 0;
};

Done Looker::look() {
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
    std::map<std::pair<unsigned, unsigned>, std::uint64_t> live;
    show::TopModel::FlowLook look;
    busy_.begin_walk(begin);
    auto walked = reader->each([&](const pm_flow_key &key, const pm_flow &value) {
        live[{key.interface, value.row}]++;
        look.total++;
        busy_.add(key, value, reader->age(value));
    });
    busy_.end_walk();
    if (!walked) return walked;
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

void print_look(const show::TopModel &model) {
    const show::TopView view;
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
Done print_looks(Looker &looker, int signals, unsigned seconds, bool once) {
    if (auto looked = looker.look(); !looked) return looked;
    while (!wait(signals, seconds, false)) {
        if (auto looked = looker.look(); !looked) return looked;
        print_look(looker.model());
        if (std::fflush(stdout) != 0) return cannot("write the output", errno);
        if (once) break;
    }
    return {};
}

Done draw_looks(Looker &looker, int signals, unsigned seconds) {
    if (auto looked = looker.look(); !looked) return looked;
    auto screen = show::TopScreen::open(colour_on(STDOUT_FILENO));
    if (!screen) return tl::unexpected(screen.error());
    show::TopState state;
    state.seconds = seconds;
    state.view.unicode = screen->unicode();
    double next = monotonic_seconds() + seconds;
    while (!state.quit) {
        screen->draw(looker.model(), state);
        const double left = next - monotonic_seconds();
        if (left > 0 && wait(signals, left, true)) break;
        for (int key = screen->key(); key >= 0; key = screen->key()) show::obey(key, state);
        if (state.paused || monotonic_seconds() < next) continue;
        if (auto looked = looker.look(); !looked) return looked;
        next = monotonic_seconds() + state.seconds;
    }
    return {};
}

}  // namespace

int run_top(const TopArguments &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    auto interval = parse_duration(arguments.interval);
    if (!interval) return end(interval.error());
    const Fd signals = end_signals();
    if (!signals) return end(cannot("wait for signals", errno).value());
    Looker looker(arguments.interfaces);
    const auto seconds = static_cast<unsigned>(std::min<std::uint64_t>(*interval, 3600));
    const bool draws = !arguments.once && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    auto done = draws ? draw_looks(looker, signals.get(), seconds)
                      : print_looks(looker, signals.get(), seconds, arguments.once);
    return done ? end(Exit::done) : end(done.error());
}

}  // namespace pm::command
