// SPDX-License-Identifier: Apache-2.0
// The command monitor: reads events by a timer, since a wake-up for each would slow the packets.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/event_ring.h"
#include "loader/kernel/switch.h"
#include "loader/observe/pcapng.h"
#include "loader/observe/snapshot.h"
#include "loader/show/event.h"
#include "loader/show/table.h"
#include "policy/image/catalog.h"
#include "policy/model/labels.h"

namespace pm::command {
namespace {

constexpr int read_interval_ms = 25;
constexpr unsigned reads_a_check = 40;      // policy, losses, and the ring's arming: each second
constexpr std::size_t pcap_limit = 100000;  // events, unless --limit says otherwise

Result<std::uint64_t> reason_mask(const std::vector<std::string> &labels) {
    std::uint64_t mask = labels.empty() ? ~std::uint64_t{0} : 0;
    for (const std::string &label : labels) {
        std::uint64_t bit = 0;
        for (unsigned id = 1; id < PM_REASON_SLOTS; id++) {
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

// Are these maps still those that are pinned?
bool is_pinned(const Pins &pins) {
    const auto pinned = open_pin(pins.path("rings"));
    if (!pinned) return false;
    const auto mine = map_info(pins.maps().fd("rings"), "rings");
    const auto theirs = map_info(pinned->get(), "rings");
    return mine && theirs && mine->id == theirs->id;
}

// What the policy in force says of slots and numbers, kept as it changes: an event names a slot.
class Names {
public:
    explicit Names(const Switch &control) : control_(control) {}

    // What has left the policy stays known.
    void refresh() {
        // A policy that was not confirmed in time is rolled back without a new epoch.
        const Switch::State state = control_.state();
        if (state.epoch == epoch_ && state.expired == in_force_.state.expired) return;
        // Opened anew: a policy that outgrew its memory lies in another map than the one before.
        auto deployment = need_deployment(Paths::from_environment());
        if (!deployment) return;
        auto interfaces = deployment->pins.interfaces();
        if (!interfaces) return;
        in_force_ = std::move(deployment->in_force);
        epoch_ = in_force_.state.epoch;
        for (const Pins::Interface &one : *interfaces) interfaces_[one.number] = one.name();
        for (const CatalogRow &row : in_force_.catalog.rows) rows_[row.slot] = row.id;
    }
    std::string interface(unsigned number) const {
        auto found = interfaces_.find(number);
        return found == interfaces_.end() ? "?" : found->second;
    }
    std::string row(std::uint16_t slot) const {
        auto found = rows_.find(slot);
        return found == rows_.end() ? "" : found->second;
    }
    std::optional<std::uint16_t> slot(const std::string &id) const {
        for (const CatalogRow &row : in_force_.catalog.rows)
            if (row.id == id) return row.slot;
        return std::nullopt;
    }
    const InForce &in_force() const { return in_force_; }

private:
    const Switch &control_;
    std::uint64_t epoch_ = ~std::uint64_t{0};
    InForce in_force_;
    std::map<unsigned, std::string> interfaces_;
    std::map<std::uint16_t, std::string> rows_;
};

class Monitoring {
public:
    Monitoring(const MonitorArguments &arguments, const Pins &pins, const Switch &control,
               EventRing ring)
        : arguments_(arguments),
          pins_(pins),
          names_(control),
          ring_(std::move(ring)),
          colour_(colour_on(STDOUT_FILENO)),
          limit_(arguments.limit.value_or(arguments.pcap.empty() ? 0 : pcap_limit)) {}

    Done begin();
    Done run(int signals);

private:
    Done choose();
    Done look();  // each second
    Done read();
    Done take(const pm_event &event);
    void tell_policy();
    void tell(show::Notice notice);
    bool is_full() const { return limit_ != 0 && shown_ >= limit_; }

    const MonitorArguments &arguments_;
    const Pins &pins_;
    Names names_;
    EventRing ring_;
    EventFilter filter_;
    std::optional<Pcapng> pcap_;
    bool colour_;
    std::size_t limit_, shown_ = 0;
    std::uint64_t packets_ = 0, lost_ = 0;
    std::uint64_t generation_ = 0;
    unsigned rollbacks_ = 0;
};

Done Monitoring::choose() {
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
                     "see 'portmatrix status' for its rows", Exit::usage);
    return {};
}

Done Monitoring::begin() {
    if (auto chosen = choose(); !chosen) return chosen;
    if (!arguments_.pcap.empty()) {
        auto file = Pcapng::create(arguments_.pcap);
        if (!file) return tl::unexpected(file.error());
        pcap_ = std::move(*file);
    }
    generation_ = names_.in_force().catalog.generation;
    rollbacks_ = names_.in_force().state.record.rollbacks;
    return look();
}

void Monitoring::tell(show::Notice notice) {
    notice.time = realtime_ns();
    fmt::print("{}",
               arguments_.json ? show::notice_json(notice) : show::notice_text(notice, colour_));
}

void Monitoring::tell_policy() {
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
                    generation_, notice.policy, mode_remark(now.mode));
    rollbacks_ = rollbacks;
    tell(std::move(notice));
}

Done Monitoring::look() {
    names_.refresh();
    tell_policy();
    if (!is_pinned(pins_))
        return fault("what was attached is detached", "monitor again after the next apply");
    if (!arguments_.row.empty())
        if (const auto slot = names_.slot(arguments_.row)) filter_.row = *slot;
    auto lapsed = ring_.arm(filter_);
    if (!lapsed) return tl::unexpected(lapsed.error());
    if (*lapsed != 0) {
        show::Notice notice = {};
        notice.event = "gap";
        notice.seconds = *lapsed;
        notice.message = fmt::format("nothing was seen for {} s: monitor was stopped", *lapsed);
        tell(std::move(notice));
    }
    auto lost = ring_.lost();
    if (!lost) return tl::unexpected(lost.error());
    if (*lost != lost_) {
        show::Notice notice = {};
        notice.event = "lost";
        notice.packets = *lost - lost_;
        notice.message = fmt::format("{} more dropped, and not shown: they came too fast",
                                     show::plural(*lost - lost_, "packet"));
        lost_ = *lost;
        tell(std::move(notice));
    }
    return pcap_ ? pcap_->flush() : Done();
}

Done Monitoring::take(const pm_event &event) {
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
    shown_++;
    packets_ += event.segments;
    fmt::print("{}", arguments_.json ? show::drop_json(drop) : show::drop_text(drop, colour_));
    if (!pcap_) return {};
    return pcap_->add({drop.time, drop.interface, drop.direction == PM_IN, event.frame, bytes,
                       show::drop_comment(drop)});
}

Done Monitoring::read() {
    Done done;
    names_.refresh();
    ring_.read([&](const pm_event &event) {
        if (is_full()) return false;
        done = take(event);
        return done.has_value() && !is_full();
    });
    if (done && std::fflush(stdout) != 0) return cannot("write the output", errno);
    return done;
}

Done Monitoring::run(int signals) {
    pollfd wait = {signals, POLLIN, 0};
    Done done;
    for (unsigned reads = 1; done && !is_full(); reads++) {
        poll(&wait, 1, read_interval_ms);
        if (wait.revents != 0) break;
        done = read();
        if (done && reads % reads_a_check == 0 && !is_full()) done = look();
    }
    ring_.disarm();
    if (done && !is_full()) done = read();
    if (pcap_)
        if (auto flushed = pcap_->flush(); !flushed && done) done = flushed;
    const auto lost = ring_.lost();
    show::Notice notice = {};
    notice.event = "end";
    notice.packets = packets_;
    notice.lost = lost ? *lost : lost_;
    notice.message = fmt::format("{} shown, {} lost{}", show::plural(packets_, "dropped packet"),
                                 *notice.lost, is_full() ? "; the limit is reached" : "");
    tell(std::move(notice));
    return done;
}

}  // namespace

int run_monitor(const MonitorArguments &arguments) {
    auto deployment =
        need_as_root({"nothing is attached, so nothing is dropped", nothing_attached().hint});
    if (!deployment) return end(deployment.error());
    auto ring = EventRing::take(Paths::from_environment(), deployment->pins);
    if (!ring) return end(ring.error());
    const Fd signals = end_signals();
    if (!signals) return end(cannot("wait for signals", errno).value());
    Monitoring monitoring(arguments, deployment->pins, deployment->control, std::move(*ring));
    if (auto begun = monitoring.begin(); !begun) return end(begun.error());
    if (auto done = monitoring.run(signals.get()); !done) return end(done.error());
    return end(Exit::done);
}

}  // namespace pm::command
