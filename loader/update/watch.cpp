// SPDX-License-Identifier: Apache-2.0
#include "loader/update/watch.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/base/clock.h"
#include "loader/base/lock.h"
#include "loader/host/nft_close.h"
#include "loader/kernel/switch.h"
#include "loader/state/history.h"
#include "loader/update/ban.h"
#include "loader/update/missing_interfaces.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

bool is_whole(const Attached &now) {
    return now.ingress != PM_DETACHED && now.egress != PM_DETACHED;
}

std::string missing_hooks(const Attached &now) {
    if (now.ingress == PM_DETACHED && now.egress == PM_DETACHED) return "ingress and egress";
    return now.ingress == PM_DETACHED ? "ingress" : "egress";
}

const Target *find_target(const std::vector<Target> &targets, unsigned number) {
    const auto found = std::ranges::find(targets, number, &Target::number);
    return found == targets.end() ? nullptr : &*found;
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

// Attaches the interface if it has come, or if others detached it, and notes what is attached.
// Returns whether both its programs are.
bool Watcher::keep_attached(const Pins &pins, const Pins::Interface &interface,
                            const std::optional<Device> &device, Sentences &sentences) {
    const std::string name = interface.name();
    Attached now = attached_now(pins, interface);
    const bool has_come = device && linked_device(pins, interface) != device->index;
    if (device && (!is_whole(now) || has_come)) {
        const XdpMode mode = interface.entry.generic ? XdpMode::generic : XdpMode::automatic;
        auto attached = attach(pins, interface.number, *device, mode);
        if (attached) {
            report_done(has_come ? fmt::format("{} has appeared, and is attached", name)
                                 : fmt::format("{} of {} had been removed by others, and is "
                                               "attached again",
                                               missing_hooks(now), name),
                        sentences);
            if (!attached->note.empty()) report_done(attached->note, sentences);
            now = *attached;
        } else {
            report_problem(name, attached.error(), sentences);
        }
    }
    pm_interface entry = interface.entry;
    entry.ifindex = device ? device->index : 0;
    entry.ingress = static_cast<std::uint8_t>(now.ingress);
    entry.egress = static_cast<std::uint8_t>(now.egress);
    entry.checked = boottime_ns();
    if (auto stored = pins.set_interface(interface.number, entry); !stored)
        report_problem(name, stored.error(), sentences);
    return is_whole(now);
}

// None: nothing is known of them but their names and links.
std::optional<NicsInForce> Watcher::find_nics(const Pins &pins, const Switch &control,
                                              Sentences &sentences) {
    if (control.state().epoch == 0 || control.state().record.mode == PM_MODE_OFF)
        return std::nullopt;
    auto nics = nics_in_force(paths_, pins, control);
    auto store = Store::open(paths_);
    if (nics && store) remember_nics(*store, nics->generation, nics->targets.targets);
    if (nics) return std::move(*nics);
    report_problem("what the interfaces are known by", nics.error(), sentences);
    return std::nullopt;
}

// Absent and closed interfaces are problems. What is renamed or replaced is told once.
void Watcher::tell(const NicsInForce &nics, Sentences &sentences) {
    const Told told = told_of(nics.targets.targets);
    for (const auto *texts : {&told.absent, &told.closed, &nics.targets.not_attached})
        for (const std::string &text : *texts) report_problem(text, sentences);
    Sentences notes = told.notes;
    notes.insert(notes.end(), nics.targets.notes.begin(), nics.targets.notes.end());
    for (const std::string &text : notes)
        if (std::ranges::find(told_, text) == told_.end()) report_done(text, sentences);
    told_ = std::move(notes);
}

// The table may have gone with the rules of others, so it is made at each look.
void Watcher::close_without_number(const std::vector<Device> &devices, Sentences &sentences) {
    for (const Device &one : devices)
        report_problem(fmt::format("{} can be given no programs: closed with nftables "
                                   "until an apply",
                                   one.name),
                       sentences);
    if (devices.empty() && !closes_by_nftables_) return;
    auto closed = close_by_nftables(devices);
    closes_by_nftables_ = !devices.empty() || !closed;
    if (!closed) report_problem("closed devices", closed.error(), sentences);
}

void Watcher::refresh(NicsInForce nics, const Pins &pins, const Switch &control,
                      Sentences &sentences) {
    close_without_number(nics.targets.without_number, sentences);
    auto must = must_put_in_force_anew(nics, pins, control);
    if (!must) return report_problem("interfaces", must.error(), sentences);
    if (!*must) return;
    auto missing = put_in_force_anew(paths_, std::move(nics));
    if (!missing) return report_problem("interfaces", missing.error(), sentences);
    for (const std::string &name : missing->attached)
        report_done(fmt::format("{} has appeared, and is attached", name), sentences);
    for (const std::string &name : missing->opened)
        report_done(fmt::format("{} is not closed any more", name), sentences);
    for (const std::string &text : missing->notes) report_done(text, sentences);
    for (const std::string &text : missing->not_attached) report_problem(text, sentences);
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
    if (!control) return report_problem("maps", control.error(), sentences);
    if (control->state().expired) settle(sentences);
    auto interfaces = (*pins)->interfaces();
    if (!interfaces) return report_problem("maps", interfaces.error(), sentences);

    auto nics = find_nics(**pins, *control, sentences);
    std::vector<std::string> names;
    for (const Pins::Interface &one : *interfaces) {
        const Target *target = nics ? find_target(nics->targets.targets, one.number) : nullptr;
        std::optional<Device> device = target ? target->device : std::nullopt;
        if (!target)
            if (auto found = device_of(**pins, one)) device = std::move(*found);
        const bool attached = keep_attached(**pins, one, device, sentences);
        if (device && holds_on(control->state().record, one.number))
            names.push_back(one.name() + (attached ? "" : " (not attached)"));
    }
    status_ = names.empty() ? "no policy is in force on any interface; nothing is filtered"
                            : fmt::format("in force on {}", fmt::join(names, ", "));
    if (!nics) return;
    tell(*nics, sentences);
    refresh(std::move(*nics), **pins, *control, sentences);
}

void Watcher::end_look() {
    reported_ = problems_;
    if (!problems_.empty())
        status_ = fmt::format("degraded: {}; {}", fmt::join(problems_, "; "), status_);
}

std::vector<std::string> Watcher::look_under_lock() {
    Sentences sentences;
    problems_.clear();
    look_at_interfaces(sentences);
    end_look();
    return sentences;
}

std::vector<std::string> Watcher::look(const After &after) {
    Sentences sentences;
    auto lock = Lock::writer_now(paths_);
    was_busy_ = !lock;
    if (!lock) return sentences;
    problems_.clear();
    if (keep_in_force(sentences)) {
        look_at_interfaces(sentences);
        if (bans_due_) place_bans(sentences);
        hold_pins(sentences);
    }
    end_look();
    after(sentences);
    return sentences;
}

}  // namespace pm
