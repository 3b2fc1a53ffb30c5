// SPDX-License-Identifier: Apache-2.0
// The command monitor: shows dropped packets as they happen, or sums of them.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/drop_watch.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/drop_sums.h"
#include "loader/show/event.h"
#include "loader/show/pcapng.h"
#include "loader/show/sums.h"
#include "loader/show/table.h"

namespace pm::command {
namespace {

constexpr std::size_t pcap_limit = 100000;  // events, unless --limit says otherwise

class Monitor : public DropListener {
public:
    explicit Monitor(const MonitorArguments &arguments)
        : arguments_(arguments),
          colour_(colour_on(STDOUT_FILENO)),
          limit_(arguments.limit.value_or(arguments.pcap.empty() ? 0 : pcap_limit)) {}

    Done open();

    Done hear(const Drop &drop, const pm_event &event) override;
    void tell(show::Notice notice) override;
    Done each_second(std::uint64_t lost) override;
    Done flush() override;
    bool has_enough() const override { return limit_ != 0 && shown_ >= limit_; }

    double deadline() const { return deadline_; }
    void loses_others() { others_ = "; some of them may not be of this selection"; }
    Done finish(std::uint64_t lost);

private:
    void print_end(std::uint64_t lost);

    const MonitorArguments &arguments_;
    std::optional<Pcapng> pcap_;
    std::optional<DropSums> sums_;
    bool colour_;
    std::size_t limit_, shown_ = 0;
    std::uint64_t packets_ = 0, lost_ = 0;
    double begin_ = monotonic_seconds(), deadline_ = std::numeric_limits<double>::infinity();
    const char *others_ = "";
};

Done Monitor::open() {
    if (!arguments_.summary.empty()) {
        auto seconds = parse_duration(arguments_.summary);
        if (!seconds) return tl::unexpected(seconds.error());
        sums_.emplace();
        deadline_ = begin_ + static_cast<double>(*seconds);
    }
    if (arguments_.pcap.empty()) return {};
    auto file = Pcapng::create(arguments_.pcap);
    if (!file) return tl::unexpected(file.error());
    pcap_ = std::move(*file);
    return {};
}

void Monitor::tell(show::Notice notice) {
    notice.time = realtime_ns();
    fmt::print("{}",
               arguments_.json ? show::notice_json(notice) : show::notice_text(notice, colour_));
}

Done Monitor::flush() {
    return std::fflush(stdout) == 0 ? Done() : cannot("write the output", errno);
}

Done Monitor::hear(const Drop &drop, const pm_event &event) {
    ++shown_;
    packets_ += event.segments;
    if (sums_)
        sums_->add(drop);
    else
        fmt::print("{}", arguments_.json ? show::drop_json(drop) : show::drop_text(drop, colour_));
    if (!pcap_) return {};
    const std::span<const std::uint8_t> bytes(
        event.packet, std::min<std::size_t>(event.captured, sizeof(event.packet)));
    return pcap_->add({drop.time, drop.interface, drop.direction == PM_IN, event.frame, bytes,
                       show::drop_comment(drop)});
}

Done Monitor::each_second(std::uint64_t lost) {
    if (pcap_)
        if (auto flushed = pcap_->flush(); !flushed) return flushed;
    if (lost == lost_ || sums_) return {};
    show::Notice notice = {};
    notice.event = "lost";
    notice.packets = lost - lost_;
    notice.message = fmt::format("{} more dropped, and not shown: they came too fast{}",
                                 show::plural(lost - lost_, "packet"), others_);
    lost_ = lost;
    tell(std::move(notice));
    return {};
}

void Monitor::print_end(std::uint64_t lost) {
    const auto seconds = static_cast<std::uint64_t>(std::lround(monotonic_seconds() - begin_));
    show::Notice notice = {};
    notice.event = "end";
    notice.packets = packets_;
    notice.lost = lost;
    if (sums_) notice.seconds = seconds;
    notice.message =
        fmt::format("{} {}{}, {} lost{}{}", show::plural(packets_, "dropped packet"),
                    sums_ ? "summed" : "shown", sums_ ? fmt::format(" in {} s", seconds) : "", lost,
                    lost != 0 ? others_ : "", has_enough() ? "; the limit is reached" : "");
    tell(std::move(notice));
}

Done Monitor::finish(std::uint64_t lost) {
    Done done = pcap_ ? pcap_->flush() : Done();
    if (sums_)
        fmt::print("{}", arguments_.json ? show::drop_sums_json(*sums_)
                                         : show::drop_sums_text(*sums_, colour_));
    print_end(lost);
    return done;
}

}  // namespace

int run_monitor(const MonitorArguments &arguments) {
    auto selection = parse_selection(arguments.selection);
    if (!selection) return end(selection.error());
    auto deployment =
        need_as_root({"nothing is attached, so nothing is dropped", nothing_attached().hint});
    if (!deployment) return end(deployment.error());
    auto watch = watch_drops(*deployment);
    if (!watch) return end(watch.error());
    const Fd signals = end_signals();
    if (!signals) return end(cannot("wait for signals", errno).value());
    Monitor monitor(arguments);
    if (auto opened = monitor.open(); !opened) return end(opened.error());
    auto begun = watch->begin(
        {.interfaces = arguments.interfaces, .reasons = arguments.reasons, .selection = *selection},
        monitor);
    if (!begun) return end(begun.error());
    if (watch->loses_others()) monitor.loses_others();
    auto ended = watch->run(signals.get(), monitor.deadline(), monitor);
    auto finished = monitor.finish(watch->lost().value_or(0));
    if (!ended) return end(ended.error());
    if (!finished) return end(finished.error());
    if (*ended == DropWatch::End::detached)
        return end(Fault{"what was attached is detached", "monitor again after the next apply"});
    return end(Exit::done);
}

}  // namespace pm::command
