// SPDX-License-Identifier: Apache-2.0
// The command monitor: shows dropped packets as they happen. It reads the events by a timer,
// because waking a reader for each would slow the packets down.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/event_names.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/event_ring.h"
#include "loader/observe/dissect.h"
#include "loader/show/event.h"
#include "loader/show/pcapng.h"
#include "loader/show/table.h"
#include "loader/show/words.h"
#include "policy/model/labels.h"

namespace pm::command {
namespace {

constexpr int read_interval_ms = 25;
constexpr unsigned reads_a_check = 40;      // check(): each second
constexpr std::size_t pcap_limit = 100000;  // events, unless --limit says otherwise

// A bit for each reason; no labels: all reasons.
Result<std::uint64_t> reason_mask(const std::vector<std::string> &labels) {
    std::uint64_t mask = labels.empty() ? ~std::uint64_t{0} : 0;
    for (const std::string &label : labels) {
        std::uint64_t bit = 0;
        for (unsigned id = 1; id < PM_REASON_SLOTS; ++id) {
            const char *known = reason_label(static_cast<pm_reason>(id));
            if (known && label == known) bit = std::uint64_t{1} << id;
        }
        if (bit == 0)
            return fault(fmt::format("there is no drop reason '{}'", label),
                         "see DROP REASONS in portmatrix(8)", Exit::usage);
        mask |= bit;
    }
    return mask;
}

// Are these maps still those that are pinned? Others are pinned after a detach and an apply.
bool is_pinned(const Pins &pins) {
    const auto pinned = open_pin(pins.path("rings"));
    if (!pinned) return false;
    const auto mine = map_info(pins.maps().fd("rings"), "rings");
    const auto theirs = map_info(pinned->get(), "rings");
    return mine && theirs && mine->id == theirs->id;
}

class MonitorLoop {
public:
    MonitorLoop(const MonitorArguments &arguments, const Deployment &deployment, EventRing ring)
        : arguments_(arguments),
          pins_(deployment.pins),
          names_(deployment.control),
          ring_(std::move(ring)),
          colour_(colour_on(STDOUT_FILENO)),
          limit_(arguments.limit.value_or(arguments.pcap.empty() ? 0 : pcap_limit)) {}

    Done begin();
    Done run(int signals);  // until one of these comes, or the limit is reached

private:
    Done set_filter();
    Done check();  // is the policy another, is the ring armed, was something lost?
    Done arm();
    Done note_lost();
    void note_policy();
    Done read();
    Done print_drop(const pm_event &event);
    void print_notice(show::Notice notice);
    void print_end();
    bool is_full() const { return limit_ != 0 && shown_ >= limit_; }

    const MonitorArguments &arguments_;
    const Pins &pins_;
    EventNames names_;
    EventRing ring_;
    EventFilter filter_;
    std::optional<Pcapng> pcap_;
    bool colour_;
    std::size_t limit_, shown_ = 0;
    std::uint64_t packets_ = 0, lost_ = 0;
    std::uint64_t generation_ = 0;
    unsigned rollbacks_ = 0;
};

Done MonitorLoop::set_filter() {
    auto reasons = reason_mask(arguments_.reasons);
    if (!reasons) return tl::unexpected(reasons.error());
    filter_.reasons = *reasons;
    if (!arguments_.peer.empty()) {
        auto peer = parse_address(arguments_.peer);
        if (!peer) return fault(peer.error(), {}, Exit::usage);
        filter_.peer = *peer;
    }
    auto interfaces = select_interfaces(pins_, arguments_.interfaces);
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (!arguments_.interfaces.empty()) filter_.interfaces = 0;
    for (const Pins::Interface &one : *interfaces)
        filter_.interfaces |= static_cast<std::uint16_t>(1u << one.number);
    names_.refresh();
    if (!arguments_.row.empty() && !names_.slot(arguments_.row))
        return fault(fmt::format("the policy in force has no row '{}'", arguments_.row),
                     "see 'portmatrix status --all' for its rows", Exit::usage);
    return {};
}

Done MonitorLoop::begin() {
    if (auto set = set_filter(); !set) return set;
    if (!arguments_.pcap.empty()) {
        auto file = Pcapng::create(arguments_.pcap);
        if (!file) return tl::unexpected(file.error());
        pcap_ = std::move(*file);
    }
    generation_ = names_.in_force().catalog.generation;
    rollbacks_ = names_.in_force().state.record.rollbacks;
    return check();
}

void MonitorLoop::print_notice(show::Notice notice) {
    notice.time = realtime_ns();
    fmt::print("{}",
               arguments_.json ? show::notice_json(notice) : show::notice_text(notice, colour_));
}

void MonitorLoop::note_policy() {
    const InForce &now = names_.in_force();
    const unsigned rollbacks = now.state.record.rollbacks;
    const bool rolled_back = rollbacks != rollbacks_;
    if (!rolled_back && now.catalog.generation == generation_) return;
    show::Notice notice = {};
    notice.event = rolled_back ? "rollback" : "policy";
    notice.generation = generation_ = now.catalog.generation;
    notice.policy = now.catalog.policy;
    notice.message =
        fmt::format("{}generation {} ({}) is in force{}", rolled_back ? "ROLLED BACK: " : "",
                    generation_, notice.policy, show::mode_remark(now.mode));
    rollbacks_ = rollbacks;
    print_notice(std::move(notice));
}

Done MonitorLoop::arm() {
    auto lapsed = ring_.arm(filter_);
    if (!lapsed) return tl::unexpected(lapsed.error());
    if (*lapsed == 0) return {};
    show::Notice notice = {};
    notice.event = "gap";
    notice.seconds = *lapsed;
    notice.message = fmt::format("nothing was seen for {} s: monitor was stopped", *lapsed);
    print_notice(std::move(notice));
    return {};
}

Done MonitorLoop::note_lost() {
    auto lost = ring_.lost();
    if (!lost) return tl::unexpected(lost.error());
    if (*lost == lost_) return {};
    show::Notice notice = {};
    notice.event = "lost";
    notice.packets = *lost - lost_;
    notice.message = fmt::format("{} more dropped, and not shown: they came too fast",
                                 show::plural(*lost - lost_, "packet"));
    lost_ = *lost;
    print_notice(std::move(notice));
    return {};
}

Done MonitorLoop::check() {
    names_.refresh();
    note_policy();
    if (!is_pinned(pins_))
        return fault("what was attached is detached", "monitor again after the next apply");
    if (!arguments_.row.empty())
        if (const auto slot = names_.slot(arguments_.row)) filter_.row = *slot;
    return arm().and_then([&] { return note_lost(); }).and_then([&] {
        return pcap_ ? pcap_->flush() : Done();
    });
}

Done MonitorLoop::print_drop(const pm_event &event) {
    const std::span<const std::uint8_t> bytes(
        event.packet, std::min<std::size_t>(event.captured, sizeof(event.packet)));
    const char *reason = reason_label(static_cast<pm_reason>(event.reason));
    show::Drop drop;
    drop.time = realtime_ns() - (boottime_ns() - event.time);
    drop.interface = names_.interface(event.interface);
    drop.direction = static_cast<pm_direction>(event.direction);
    drop.reason = reason ? reason : std::to_string(event.reason);
    drop.row = event.row ? names_.row(event.row) : "";
    drop.audit = event.audit;
    drop.length = event.length;
    drop.segments = event.segments;
    drop.what = dissect(bytes);
    ++shown_;
    packets_ += event.segments;
    fmt::print("{}", arguments_.json ? show::drop_json(drop) : show::drop_text(drop, colour_));
    if (!pcap_) return {};
    return pcap_->add({drop.time, drop.interface, drop.direction == PM_IN, event.frame, bytes,
                       show::drop_comment(drop)});
}

Done MonitorLoop::read() {
    Done done;
    names_.refresh();
    ring_.read([&](const pm_event &event) {
        if (is_full()) return false;
        done = print_drop(event);
        return done.has_value() && !is_full();
    });
    if (done && std::fflush(stdout) != 0) return cannot("write the output", errno);
    return done;
}

void MonitorLoop::print_end() {
    const auto lost = ring_.lost();
    show::Notice notice = {};
    notice.event = "end";
    notice.packets = packets_;
    notice.lost = lost ? *lost : lost_;
    notice.message = fmt::format("{} shown, {} lost{}", show::plural(packets_, "dropped packet"),
                                 *notice.lost, is_full() ? "; the limit is reached" : "");
    print_notice(std::move(notice));
}

Done MonitorLoop::run(int signals) {
    pollfd wait = {signals, POLLIN, 0};
    Done done;
    for (unsigned reads = 1; done && !is_full(); ++reads) {
        poll(&wait, 1, read_interval_ms);
        if (wait.revents != 0) break;
        done = read();
        if (done && reads % reads_a_check == 0 && !is_full()) done = check();
    }
    ring_.disarm();
    if (done && !is_full()) done = read();
    if (pcap_)
        if (auto flushed = pcap_->flush(); !flushed && done) done = flushed;
    print_end();
    return done;
}

}  // namespace

int run_monitor(const MonitorArguments &arguments) {
    auto deployment =
        need_as_root({"nothing is attached, so nothing is dropped", nothing_attached().hint});
    if (!deployment) return end(deployment.error());
    auto ring = EventRing::claim(Paths::from_environment(), deployment->pins);
    if (!ring) return end(ring.error());
    const Fd signals = end_signals();
    if (!signals) return end(cannot("wait for signals", errno).value());
    MonitorLoop monitor(arguments, *deployment, std::move(*ring));
    if (auto begun = monitor.begin(); !begun) return end(begun.error());
    if (auto done = monitor.run(signals.get()); !done) return end(done.error());
    return end(Exit::done);
}

}  // namespace pm::command
