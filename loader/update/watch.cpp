// SPDX-License-Identifier: Apache-2.0
#include "loader/update/watch.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/base/lock.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"
#include "loader/state/history.h"
#include "loader/update/confirm.h"
#include "loader/update/missing_interfaces.h"

namespace pm {
namespace {

std::string missing_hooks(const Attached &now) {
    if (now.ingress == PM_DETACHED && now.egress == PM_DETACHED) return "ingress and egress";
    return now.ingress == PM_DETACHED ? "ingress" : "egress";
}

void note(const Paths &paths, const std::string &message, const char *outcome) {
    HistoryEntry entry;
    entry.user = "-";
    entry.action = "attach";
    entry.outcome = outcome;
    entry.message = message;
    record(paths, entry);
}

}  // namespace

// The same fault is said once, until a look finds it no more.
void Watcher::complain(const std::string &text, std::vector<std::string> &done) {
    status_ = text;
    complaints_.push_back(text);
    if (std::find(said_.begin(), said_.end(), text) != said_.end()) return;
    note(paths_, text, "failed");
    done.push_back(text);
}

void Watcher::complain(const std::string &about, const Fault &fault,
                       std::vector<std::string> &done) {
    complain(fmt::format("{}: {}", about, fault.message), done);
}

void Watcher::tell(const std::string &text, std::vector<std::string> &done) {
    note(paths_, text, "done");
    done.push_back(text);
}

void Watcher::settle(std::vector<std::string> &done) {
    Rollout rollout(paths_);
    auto opened = rollout.open();
    if (!opened) return complain("what is in force", opened.error(), done);
    done.insert(done.end(), rollout.notes().begin(), rollout.notes().end());
}

void Watcher::look_at_interfaces(std::vector<std::string> &done) {
    auto pins = Pins::open(paths_);
    if (!pins) return complain("pins", pins.error(), done);
    if (!*pins) {
        status_ = "nothing is attached";
        return;
    }
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    auto interfaces = (*pins)->interfaces();
    if (!control) return complain("maps", control.error(), done);
    if (!interfaces) return complain("maps", interfaces.error(), done);
    const Switch::State state = control->state();
    if (state.expired) settle(done);

    std::vector<std::string> names;
    for (const Pins::Interface &one : *interfaces) {
        Attached now = attached_now(**pins, one);
        const bool whole = now.ingress != PM_DETACHED && now.egress != PM_DETACHED;
        auto device = device_of(**pins, one);
        if (!whole && device) {
            const XdpMode mode = one.entry.generic ? XdpMode::generic : XdpMode::automatic;
            auto attached = attach(**pins, one.number, *device, mode);
            if (attached) {
                tell(fmt::format("{} of {} had been removed by others, and is attached again",
                                 missing_hooks(now), one.name()),
                     done);
                if (!attached->note.empty()) tell(attached->note, done);
                now = *attached;
            } else {
                complain(one.name(), attached.error(), done);
            }
        }
        pm_interface entry = one.entry;
        if (device) entry.ifindex = device->index;
        entry.ingress = static_cast<std::uint8_t>(now.ingress);
        entry.egress = static_cast<std::uint8_t>(now.egress);
        entry.checked = boottime_ns();
        if (auto stored = (*pins)->set_interface(one.number, entry); !stored)
            complain(one.name(), stored.error(), done);
        if (!holds_on(state.record, one.number)) continue;
        names.push_back(one.name() + (now.ingress == PM_DETACHED || now.egress == PM_DETACHED
                                          ? " (not attached)"
                                          : ""));
    }
    if (!complaints_.empty()) return;
    status_ = names.empty() ? "no policy is in force; nothing is filtered"
                            : fmt::format("in force on {}", fmt::join(names, ", "));
}

void Watcher::look_for_late_ones(std::vector<std::string> &done) {
    auto store = Store::open(paths_);
    if (!store) return;
    auto confirmed = store->confirmed();
    if (!confirmed || !*confirmed) return;
    auto generation = store->generation((*confirmed)->generation);
    auto pins = Pins::open(paths_);
    if (!generation || !pins || !*pins) return;
    std::vector<std::string> unfit;
    auto targets = targets_named(&**pins, without_detached(paths_, generation->interfaces), &unfit);
    if (!targets) return complain("interfaces", targets.error(), done);
    if (std::none_of(targets->begin(), targets->end(),
                     [](const Target &one) { return one.is_new; })) {
        for (const std::string &text : unfit) complain(text, done);
        return;
    }
    auto late = attach_missing(paths_);
    if (!late) return complain("interfaces", late.error(), done);
    for (const std::string &name : late->attached)
        tell(fmt::format("{} has appeared, and is attached", name), done);
    for (const std::string &text : late->notes) tell(text, done);
    for (const std::string &text : late->unfit) complain(text, done);
}

std::vector<std::string> Watcher::look() {
    std::vector<std::string> done;
    auto lock = Lock::writer_now(paths_);
    if (!lock) return done;
    complaints_.clear();
    look_at_interfaces(done);
    look_for_late_ones(done);
    said_ = complaints_;
    return done;
}

}  // namespace pm
