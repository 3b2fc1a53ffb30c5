// SPDX-License-Identifier: Apache-2.0
#include "loader/update/watch.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/base/clock.h"
#include "loader/base/lock.h"
#include "loader/kernel/switch.h"
#include "loader/own/places.h"
#include "loader/state/ban_list.h"
#include "loader/state/history.h"
#include "loader/update/ban.h"
#include "loader/update/missing_interfaces.h"
#include "loader/update/reconcile.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"
#include "loader/update/tell_time.h"

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

// What the targets are: if that is as it was, another try will hardly do better.
std::string circumstances_of(const std::vector<Target> &targets) {
    std::string text;
    for (const Target &one : targets)
        text += fmt::format("{} {} {} {}\n", one.number, one.shown_name(),
                            one.device ? one.device->index : 0, one.closed);
    return text;
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
void Watcher::keep_attached(const Pins &pins, const Pins::Interface &interface,
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
            tried_in_vain_ = true;
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
}

// None: nothing is known of them but their names and links.
std::optional<NicsInForce> Watcher::find_nics(const Pins &pins, const Switch &control,
                                              Sentences &sentences) {
    if (control.state().epoch == 0 || control.state().record.mode == PM_MODE_OFF)
        return std::nullopt;
    auto nics = nics_in_force(paths_, pins, control);
    auto store = Store::open(paths_);
    if (nics && store) {
        reconcile_disk(*store, nics->generation.number, control, sentences);
        remember_nics(*store, nics->generation, nics->targets.targets);
    }
    if (nics) return std::move(*nics);
    report_problem("what the interfaces are known by", nics.error(), sentences);
    return std::nullopt;
}

// After a command that was killed between the disk and the kernel, what is confirmed is not what is
// in force: it does not wait for the next command.
void Watcher::reconcile_disk(Store &store, std::uint64_t in_force, const Switch &control,
                             Sentences &sentences) {
    const auto confirmed = store.confirmed();
    if (!confirmed || !*confirmed || (*confirmed)->generation == in_force) return;
    auto done =
        read_in_force(control).and_then([&](const InForce &now) { return reconcile(store, now); });
    if (!done) report_problem("what is confirmed", done.error(), sentences);
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

// What the programs cannot close, or not yet. The table may have gone with the rules of others.
void Watcher::close_by_nftables(const std::vector<Device> &without_number,
                                const std::vector<Device> &open, Sentences &sentences) {
    std::vector<Device> devices = without_number;
    for (const Device &one : without_number)
        report_problem(fmt::format("{} can be given no programs: closed with nftables "
                                   "until an apply",
                                   one.name),
                       sentences);
    devices.insert(devices.end(), open.begin(), open.end());
    std::vector<std::uint32_t> indexes;
    for (const Device &one : devices) indexes.push_back(one.index);
    const bool is_known = closed_by_nftables_ == indexes;
    closed_devices_ = devices;
    if (is_known && (indexes.empty() || is_closed_by_nftables())) return;
    auto closed = set_closed_devices(devices);
    if (is_known || !closed) tried_in_vain_ = true;
    closed_by_nftables_ = closed ? std::optional(indexes) : std::nullopt;
    if (!closed) report_problem("closed devices", closed.error(), sentences);
}

// A command has no time to hold anything.
void Watcher::keep_closing_copy(Sentences &sentences) {
    if (!closed_devices_) return;
    const std::string &problem = closing_copy_.keep(*closed_devices_);
    if (!problem.empty()) report_problem("closed devices: " + problem, sentences);
}

void Watcher::put_in_force(NicsInForce nics, Sentences &sentences) {
    refreshed_.failed(circumstances_of(nics.targets.targets));  // unless the next look is content
    closed_by_nftables_ = std::nullopt;                         // it may close others
    auto missing = put_in_force_anew(paths_, std::move(nics));
    if (!missing) {
        refresh_problems_ = {fmt::format("interfaces: {}", missing.error().message)};
        return;
    }
    refresh_problems_ = std::move(missing->not_attached);
    for (const std::string &name : missing->attached)
        report_done(fmt::format("{} has appeared, and is attached", name), sentences);
    for (const std::string &name : missing->opened)
        report_done(fmt::format("{} is not closed any more", name), sentences);
    for (const std::string &text : missing->notes)
        if (std::ranges::find(refresh_notes_, text) == refresh_notes_.end())
            report_done(text, sentences);
    refresh_notes_ = std::move(missing->notes);
}

void Watcher::refresh(NicsInForce nics, const Pins &pins, const Switch &control,
                      Sentences &sentences) {
    auto difference = compare_with_in_force(nics, pins, control);
    // What nftables closes stays closed then.
    if (!difference) return report_problem("interfaces", difference.error(), sentences);
    if (control.state().record.mode == PM_MODE_ENFORCE)
        close_by_nftables(nics.targets.without_number, difference->open, sentences);
    else
        close_by_nftables({}, {}, sentences);  // an audit drops nothing
    if (!difference->needs_switch) return refreshed_.succeeded();
    if (refreshed_.is_due(circumstances_of(nics.targets.targets)))
        put_in_force(std::move(nics), sentences);
    for (const std::string &text : refresh_problems_) report_problem(text, sentences);
}

void Watcher::tell(const KeeperReport &kept, Sentences &sentences) {
    tried_in_vain_ = !kept.problems.empty();
    for (const std::string &text : kept.done) report_done(text, sentences);
    sentences.insert(sentences.end(), kept.told.begin(), kept.told.end());
    for (const std::string &text : kept.problems) report_problem(text, sentences);
}

void Watcher::place_bans(Sentences &sentences) {
    auto placed = place_bans_anew(paths_);
    if (!placed) return report_problem("bans", placed.error(), sentences);
    bans_due_ = false;
    for (const std::string &text : *placed) {
        HistoryEntry entry;
        entry.user = "-";
        entry.action = "ban";
        entry.outcome = "done";
        entry.message = text;
        record(paths_, entry);
        sentences.push_back(text);
    }
}

void Watcher::tell_time(const Pins &pins, Sentences &sentences) {
    auto told = pm::tell_time(paths_, pins);
    if (!told) return report_problem("dates of rows", told.error(), sentences);
    for (const std::string &text : told->done) report_done(text, sentences);
    for (const std::string &text : told->problems) report_problem(text, sentences);
}

// A boot has the list alone: it must not wait for the next command until it is there again.
void Watcher::look_for_list() {
    const bool has_list = !version_of_bans(paths_).empty();
    if (had_list_ && !has_list) bans_due_ = true;
    had_list_ = has_list;
}

void Watcher::hold_pins(Sentences &sentences) {
    if (auto held = keeper_.hold(); !held) report_problem("pins", held.error(), sentences);
}

void Watcher::look_at_interfaces(Sentences &sentences) {
    auto pins = Pins::open(paths_);
    if (!pins) return report_problem("pins", pins.error(), sentences);
    if (!*pins) {
        in_force_ = "nothing is attached";
        return;
    }
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    if (!control) return report_problem("maps", control.error(), sentences);
    if (control->state().expired) settle(sentences);
    if (control->has_dates()) tell_time(**pins, sentences);
    auto interfaces = (*pins)->interfaces();
    if (!interfaces) return report_problem("maps", interfaces.error(), sentences);

    auto nics = find_nics(**pins, *control, sentences);
    for (const Pins::Interface &one : *interfaces) {
        const Target *target = nics ? find_target(nics->targets.targets, one.number) : nullptr;
        std::optional<Device> device = target ? target->device : std::nullopt;
        if (!target)
            if (auto found = device_of(**pins, one)) device = std::move(*found);
        keep_attached(**pins, one, device, sentences);
    }
    // Before what may take long: what comes to a new address waits for it.
    if (auto told = set_places(**pins); !told) report_problem("places", told.error(), sentences);
    if (nics) {
        tell(*nics, sentences);
        refresh(std::move(*nics), **pins, *control, sentences);
    }
    note_in_force(**pins, sentences);
}

// Read anew: the policy may have been put in force on more interfaces by this look.
void Watcher::note_in_force(const Pins &pins, Sentences &sentences) {
    auto control = Switch::open(pins.maps(), Switch::Access::read);
    if (!control) return report_problem("maps", control.error(), sentences);
    auto interfaces = pins.interfaces();
    if (!interfaces) return report_problem("maps", interfaces.error(), sentences);
    std::vector<std::string> names;
    for (const Pins::Interface &one : *interfaces) {
        const pm_interface &entry = one.entry;
        if (entry.ifindex == 0 || !holds_on(control->state().record, one.number)) continue;
        const bool whole = entry.ingress != PM_DETACHED && entry.egress != PM_DETACHED;
        names.push_back(one.name() + (whole ? "" : " (not attached)"));
    }
    in_force_ = names.empty() ? "no policy is in force on any interface; nothing is filtered"
                              : fmt::format("in force on {}", fmt::join(names, ", "));
}

void Watcher::begin_look() {
    problems_.clear();
    in_force_.clear();
    closed_devices_.reset();
    tried_in_vain_ = false;
}

std::vector<std::string> Watcher::look_under_lock() {
    Sentences sentences;
    begin_look();
    look_at_interfaces(sentences);
    reported_ = problems_;
    return sentences;
}

std::vector<std::string> Watcher::look(const After &after) {
    Sentences sentences;
    auto lock = Lock::writer_now(paths_);
    was_busy_ = !lock;
    if (!lock) return sentences;
    begin_look();
    const KeeperReport kept = keeper_.look();
    tell(kept, sentences);
    if (!kept.is_held && !kept.is_older) {
        look_at_interfaces(sentences);
        keep_closing_copy(sentences);
        look_for_list();
        if (bans_due_) place_bans(sentences);
    }
    if (!kept.is_held) hold_pins(sentences);
    reported_ = problems_;
    if (!kept.is_held) after(sentences);  // else the programs filter by what is held
    return sentences;
}

std::vector<std::string> Watcher::end() {
    Sentences sentences;
    auto lock = Lock::writer_now(paths_);
    if (lock) tell(keeper_.look_at_pins(), sentences);
    return sentences;
}

}  // namespace pm
