// SPDX-License-Identifier: Apache-2.0
#include "loader/update/watch.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/base/clock.h"
#include "loader/base/lock.h"
#include "loader/kernel/switch.h"
#include "loader/state/history.h"
#include "loader/update/ban.h"
#include "loader/update/missing_interfaces.h"
#include "loader/update/rollout.h"

namespace pm {
namespace {

bool is_whole(const Attached &now) {
    return now.ingress != PM_DETACHED && now.egress != PM_DETACHED;
}

std::string missing_hooks(const Attached &now) {
    if (now.ingress == PM_DETACHED && now.egress == PM_DETACHED) return "ingress and egress";
    return now.ingress == PM_DETACHED ? "ingress" : "egress";
}

void record_attach(const Paths &paths, const std::string &message, const char *outcome) {
    HistoryEntry entry;
    entry.user = "-";
    entry.action = "attach";
    entry.outcome = outcome;
    entry.message = message;
    record(paths, entry);
}

}  // namespace

void Watcher::report_problem(const std::string &text, Sentences &sentences) {
    status_ = text;
    problems_.push_back(text);
    if (std::ranges::find(reported_, text) != reported_.end()) return;
    record_attach(paths_, text, "failed");
    sentences.push_back(text);
}

void Watcher::report_problem(const std::string &about, const Fault &fault, Sentences &sentences) {
    report_problem(fmt::format("{}: {}", about, fault.message), sentences);
}

void Watcher::report_done(const std::string &text, Sentences &sentences) {
    record_attach(paths_, text, "done");
    sentences.push_back(text);
}

// The rollout settles the expiry and records it.
void Watcher::settle(Sentences &sentences) {
    Rollout rollout(paths_);
    auto opened = rollout.open();
    if (!opened) return report_problem("what is in force", opened.error(), sentences);
    sentences.insert(sentences.end(), rollout.notes().begin(), rollout.notes().end());
}

// Attaches the interface again if others detached it, and notes what is attached. Returns whether
// both its programs are.
bool Watcher::keep_attached(const Pins &pins, const Pins::Interface &interface,
                            Sentences &sentences) {
    const std::string name = interface.name();
    Attached now = attached_now(pins, interface);
    const auto device = device_of(pins, interface);
    if (!is_whole(now) && device) {
        const XdpMode mode = interface.entry.generic ? XdpMode::generic : XdpMode::automatic;
        auto attached = attach(pins, interface.number, *device, mode);
        if (attached) {
            report_done(fmt::format("{} of {} had been removed by others, and is attached again",
                                    missing_hooks(now), name),
                        sentences);
            if (!attached->note.empty()) report_done(attached->note, sentences);
            now = *attached;
        } else {
            report_problem(name, attached.error(), sentences);
        }
    }
    pm_interface entry = interface.entry;
    if (device) entry.ifindex = device->index;
    entry.ingress = static_cast<std::uint8_t>(now.ingress);
    entry.egress = static_cast<std::uint8_t>(now.egress);
    entry.checked = boottime_ns();
    if (auto stored = pins.set_interface(interface.number, entry); !stored)
        report_problem(name, stored.error(), sentences);
    return is_whole(now);
}

// Returns whether what is in force is pinned, so that it can be looked at.
bool Watcher::keep_in_force(Sentences &sentences) {
    const KeeperReport report = keeper_.look();
    for (const std::string &text : report.done) report_done(text, sentences);
    sentences.insert(sentences.end(), report.told.begin(), report.told.end());
    for (const std::string &text : report.problems) report_problem(text, sentences);
    return !report.is_held;
}

void Watcher::place_bans(Sentences &sentences) {
    auto placed = place_bans_anew(paths_);
    if (!placed) return report_problem("bans", placed.error(), sentences);
    bans_due_ = false;
    if (!*placed) return;
    HistoryEntry entry;
    entry.user = "-";
    entry.action = "ban";
    entry.outcome = "done";
    entry.message = **placed;
    record(paths_, entry);
    sentences.push_back(**placed);
}

void Watcher::hold_pins(Sentences &sentences) {
    if (auto held = keeper_.hold(); !held) report_problem("pins", held.error(), sentences);
}

void Watcher::look_at_interfaces(Sentences &sentences) {
    auto pins = Pins::open(paths_);
    if (!pins) return report_problem("pins", pins.error(), sentences);
    if (!*pins) {
        status_ = "nothing is attached";
        return;
    }
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    auto interfaces = (*pins)->interfaces();
    if (!control) return report_problem("maps", control.error(), sentences);
    if (!interfaces) return report_problem("maps", interfaces.error(), sentences);
    const Switch::State state = control->state();
    if (state.expired) settle(sentences);

    std::vector<std::string> names;
    for (const Pins::Interface &one : *interfaces) {
        const bool attached = keep_attached(**pins, one, sentences);
        if (holds_on(state.record, one.number))
            names.push_back(one.name() + (attached ? "" : " (not attached)"));
    }
    if (!problems_.empty()) return;
    status_ = names.empty() ? "no policy is in force; nothing is filtered"
                            : fmt::format("in force on {}", fmt::join(names, ", "));
}

void Watcher::attach_missing_interfaces(Sentences &sentences) {
    auto missing = attach_missing(paths_);
    if (!missing) return report_problem("interfaces", missing.error(), sentences);
    for (const std::string &name : missing->attached)
        report_done(fmt::format("{} has appeared, and is attached", name), sentences);
    for (const std::string &text : missing->notes) report_done(text, sentences);
    for (const std::string &text : missing->not_attached) report_problem(text, sentences);
}

std::vector<std::string> Watcher::look() {
    Sentences sentences;
    auto lock = Lock::writer_now(paths_);
    was_busy_ = !lock;
    if (!lock) return sentences;
    problems_.clear();
    if (keep_in_force(sentences)) {
        look_at_interfaces(sentences);
        attach_missing_interfaces(sentences);
        if (bans_due_) place_bans(sentences);
        hold_pins(sentences);
    }
    reported_ = problems_;
    return sentences;
}

}  // namespace pm
