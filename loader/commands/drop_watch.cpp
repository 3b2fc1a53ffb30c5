// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/drop_watch.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/base/paths.h"
#include "loader/show/words.h"
#include "policy/model/labels.h"

namespace pm::command {
namespace {

constexpr int read_interval_ms = 25;
constexpr unsigned reads_a_check = 40;  // check(): each second

// Are these maps still those that are pinned? Others are pinned after a detach and an apply.
bool is_pinned(const Pins &pins) {
    const auto pinned = open_pin(pins.path("rings"));
    if (!pinned) return false;
    const auto mine = map_info(pins.maps().fd("rings"), "rings");
    const auto theirs = map_info(pinned->get(), "rings");
    return mine && theirs && mine->id == theirs->id;
}

// Waits until the next look.
std::optional<DropWatch::End> wait_for_end(int signals, double deadline) {
    pollfd wait = {signals, POLLIN, 0};
    poll(&wait, 1, read_interval_ms);
    if (wait.revents != 0) return DropWatch::End::signal;
    if (monotonic_seconds() >= deadline) return DropWatch::End::time;
    return std::nullopt;
}

}  // namespace

Result<DropWatch> watch_drops(const Deployment &deployment) {
    return EventRing::claim(Paths::from_environment(), deployment.pins).map([&](EventRing ring) {
        return DropWatch(deployment, std::move(ring));
    });
}

Done DropWatch::set_filter() {
    auto reasons = reason_mask(wanted_.reasons);
    if (!reasons) return tl::unexpected(reasons.error());
    filter_.reasons = *reasons;
    filter_.peer = wanted_.selection.peer;
    auto interfaces = select_interfaces(pins_, wanted_.interfaces);
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (!wanted_.interfaces.empty()) filter_.interfaces = 0;
    for (const Pins::Interface &one : *interfaces)
        filter_.interfaces |= static_cast<std::uint16_t>(1u << one.number);
    names_.refresh();
    if (wanted_.selection.row.empty()) return {};
    return row_slot(names_.in_force().catalog, wanted_.selection.row).map([&](std::uint16_t slot) {
        filter_.row = slot;
    });
}

Done DropWatch::begin(WantedDrops wanted, DropListener &listener) {
    wanted_ = std::move(wanted);
    if (auto set = set_filter(); !set) return set;
    generation_ = names_.in_force().catalog.generation;
    rollbacks_ = names_.in_force().state.record.rollbacks;
    return arm(listener);
}

bool DropWatch::loses_others() const {
    const Selection &asked = wanted_.selection;
    return asked.port || asked.transport || asked.direction;
}

void DropWatch::note_policy(DropListener &listener) {
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
    listener.tell(std::move(notice));
}

Done DropWatch::arm(DropListener &listener) {
    auto lapsed = ring_.arm(filter_);
    if (!lapsed) return tl::unexpected(lapsed.error());
    if (*lapsed == 0) return {};
    show::Notice notice = {};
    notice.event = "gap";
    notice.seconds = *lapsed;
    notice.message = fmt::format("nothing was seen for {} s: portmatrix was stopped", *lapsed);
    listener.tell(std::move(notice));
    return {};
}

Done DropWatch::check(DropListener &listener) {
    names_.refresh();
    note_policy(listener);
    if (!wanted_.selection.row.empty())
        if (const auto slot = row_slot(names_.in_force().catalog, wanted_.selection.row))
            filter_.row = *slot;
    if (auto armed = arm(listener); !armed) return armed;
    return ring_.lost().and_then([&](std::uint64_t lost) { return listener.each_second(lost); });
}

Drop DropWatch::drop_of(const pm_event &event) const {
    const std::span<const std::uint8_t> bytes(
        event.packet, std::min<std::size_t>(event.captured, sizeof(event.packet)));
    const char *reason = reason_label(static_cast<pm_reason>(event.reason));
    return {.time = realtime_ns() - (boottime_ns() - event.time),
            .interface = names_.interface(event.interface),
            .direction = static_cast<pm_direction>(event.direction),
            .reason = reason ? reason : std::to_string(event.reason),
            .row = event.row ? names_.row(event.row) : "",
            .audit = event.audit != 0,
            .length = event.length,
            .segments = event.segments,
            .what = dissect(bytes)};
}

Done DropWatch::read(DropListener &listener) {
    Done done;
    names_.refresh();
    ring_.read([&](const pm_event &event) {
        if (listener.has_enough()) return false;
        const Drop drop = drop_of(event);
        // The programs have chosen the row, by the slot that it had then.
        if (!selects(wanted_.selection, traffic_of(drop, event.row))) return true;
        done = listener.hear(drop, event);
        return done.has_value() && !listener.has_enough();
    });
    return done ? listener.flush() : done;
}

Result<DropWatch::End> DropWatch::run(int signals, double deadline, DropListener &listener) {
    std::optional<End> ended;
    Done done;
    for (unsigned reads = 1; done && !ended; ++reads) {
        ended = wait_for_end(signals, deadline);
        if (ended) break;
        done = read(listener);
        if (listener.has_enough()) ended = End::enough;
        if (!done || ended || reads % reads_a_check != 0) continue;
        if (is_pinned(pins_))
            done = check(listener);
        else
            ended = End::detached;
    }
    ring_.disarm();
    if (done && !listener.has_enough()) done = read(listener);
    if (!done) return tl::unexpected(done.error());
    return *ended;
}

}  // namespace pm::command
