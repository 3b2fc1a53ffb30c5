// SPDX-License-Identifier: Apache-2.0
// The command droplog: keeps a sample of the drops in the journal. The body of
// portmatrix-droplog.service.
#include <poll.h>

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/drop_watch.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/drop_log.h"
#include "loader/state/journal.h"

namespace pm::command {
namespace {

constexpr int wait_ms = 5000;  // until it looks again whether anything is attached

class DropLogger : public DropListener {
public:
    Done hear(const Drop &drop, const pm_event &) override {
        minute_.add(drop);
        return {};
    }
    void tell(show::Notice notice) override { print_note(notice.message); }
    Done each_second(std::uint64_t lost) override {
        return monotonic_seconds() - begin_ < log_seconds ? Done() : write(lost);
    }
    Done flush() override { return {}; }
    bool has_enough() const override { return false; }

    Done write(std::uint64_t lost);  // ends the minute

private:
    MinuteOfDrops minute_;
    double begin_ = monotonic_seconds();
    std::uint64_t lost_ = 0;  // before this minute
};

Done DropLogger::write(std::uint64_t lost) {
    const double now = monotonic_seconds();
    const auto log =
        minute_.end(realtime_ns(), static_cast<std::uint64_t>(std::lround(now - begin_)),
                    lost - std::exchange(lost_, lost));
    begin_ = now;
    for (const LoggedDrops &line : log.lines)
        if (auto written = write_journal(log_fields(line)); !written) return written;
    if (log.minute.packets == 0 && log.minute.lost == 0) return {};
    return write_journal(log_fields(log.minute));
}

// Until a signal comes, or what is attached is detached.
Result<DropWatch::End> log_drops(const Deployment &deployment, const WantedDrops &wanted,
                                 int signals) {
    auto watch = watch_drops(deployment);
    if (!watch) return tl::unexpected(watch.error());
    DropLogger logger;
    if (auto begun = watch->begin(wanted, logger); !begun) return tl::unexpected(begun.error());
    auto ended = watch->run(signals, std::numeric_limits<double>::infinity(), logger);
    if (!ended) return ended;
    return watch->lost().and_then([&](std::uint64_t lost) { return logger.write(lost); }).map([&] {
        return *ended;
    });
}

bool wait_for_signal(int signals) {
    pollfd wait = {signals, POLLIN, 0};
    poll(&wait, 1, wait_ms);
    return wait.revents != 0;
}

Done log_until(int signals, const WantedDrops &wanted) {
    bool is_told = false;
    do {
        auto deployment = open_deployment(Paths::from_environment());
        if (!deployment) return tl::unexpected(deployment.error());
        if (!*deployment) {
            if (!is_told) print_note("nothing is attached, so nothing is dropped; waiting");
            is_told = true;
            continue;
        }
        auto ended = log_drops(**deployment, wanted, signals);
        if (!ended) return tl::unexpected(ended.error());
        if (*ended == DropWatch::End::signal) return {};
        is_told = false;
    } while (!wait_for_signal(signals));
    return {};
}

}  // namespace

int run_droplog(const DropLogArguments &arguments) {
    auto selection = parse_selection(arguments.selection);
    if (!selection) return end(selection.error());
    if (auto root = need_root(); !root) return end(root.error());
    if (!has_journal()) return end(no_journal());
    const Fd signals = end_signals();
    if (!signals) return end(cannot("wait for signals", errno).value());
    auto done = log_until(signals.get(), {.interfaces = arguments.interfaces,
                                          .reasons = arguments.reasons,
                                          .selection = *selection});
    return done ? end(Exit::done) : end(done.error());
}

}  // namespace pm::command
