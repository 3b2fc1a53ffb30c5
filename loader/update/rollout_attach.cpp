// SPDX-License-Identifier: Apache-2.0
// Rollout: the programs of a candidate, and how they come to its devices.
#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/exchange.h"
#include "loader/attach/takeover.h"
#include "loader/base/progress.h"
#include "loader/own/places.h"
#include "loader/update/reset.h"
#include "loader/update/rollout.h"

namespace pm {

// Is each of these attached with both hooks, under its name, and nothing else? An absent one has no
// hooks. What a command that was killed has left is tidied up by the change that follows.
bool Rollout::all_attached(const std::vector<Target> &targets) const {
    if (!pins_) return false;
    const auto interfaces = pins_->interfaces();
    return interfaces && interfaces->size() == targets.size() &&
           std::ranges::all_of(targets, [&](const Target &target) {
               const auto entry =
                   std::ranges::find(*interfaces, target.number, &Pins::Interface::number);
               if (target.is_new || entry == interfaces->end() || entry->entry.stranger ||
                   entry->name() != target.name)
                   return false;
               if (!target.device) return true;
               const Attached now = attached_now(*pins_, *entry);
               return now.ingress != PM_DETACHED && now.egress != PM_DETACHED;
           });
}

// A host that does not tell its memory is no reason to leave it open: the kernel refuses what it
// has no room for.
Done Rollout::check_room(const ProgramOptions &options, std::size_t interfaces) const {
    const auto host = host_memory();
    if (candidate_.extent != Extent::all_or_none || interfaces == 0 || !host) return {};
    return map_memory(options, static_cast<unsigned>(interfaces)).and_then([&](MapMemory needed) {
        if (pins_) needed.shared = 0;  // they are there
        return check_memory(needed, *host);
    });
}

Done Rollout::load() {
    const Progress progress("the kernel checks the programs");
    std::vector<unsigned> numbers;
    for (const Target &target : candidate_.targets)
        if (target.is_new || !pins_ || !pins_->has_interface(target.number))
            numbers.push_back(target.number);
    ProgramOptions options;
    options.image_slot = slot_size_for(candidate_.image.bytes.size(), options.image_slot);
    options.flow_capacity = candidate_.flow_capacity;
    if (auto enough = check_room(options, numbers.size()); !enough) return enough;
    if (!pins_) {
        options.hooks = false;
        auto loaded = Program::load(options);
        if (!loaded) return tl::unexpected(loaded.error());
        probes_.emplace(std::move(*loaded));
    }
    options.hooks = true;
    options.probes = false;
    options.shared = probes_ ? &probes_->maps() : &pins_->maps();
    for (const unsigned number : numbers) {
        options.interface = number;
        auto loaded = Program::load(options);
        if (!loaded) return tl::unexpected(loaded.error());
        hooks_.emplace(number, std::move(*loaded));
    }
    return {};
}

void Rollout::detach_target(const Target &target) {
    pm_interface entry = {};
    if (target.device) entry.ifindex = target.device->index;
    (void)detach(*pins_, {target.number, entry});  // nothing more can be done about it
}

// Its entry has the name before anything is attached: the device may be called otherwise.
Done Rollout::pin_target(const Target &target, const Program &program) {
    undo_.add([this, target] { detach_target(target); });
    pm_interface entry = {};
    target.shown_name().copy(entry.name, sizeof(entry.name) - 1);
    entry.stranger = target.stranger;
    entry.generic = candidate_.xdp == XdpMode::generic;
    return clear_number(*pins_, target.number)
        .and_then([&] { return pins_->pin_interface(target.number, program); })
        .and_then([&] { return pins_->set_interface(target.number, entry); });
}

Done Rollout::attach_target(const Target &target, const Program *program) {
    if (program)
        if (auto pinned = pin_target(target, *program); !pinned) return pinned;
    if (!target.device) {
        if (program)
            notes_.push_back(fmt::format("{} is absent, and filtered as soon as it is there",
                                         target.shown_name()));
        return {};
    }
    if (has_left_link(left_, *target.device)) return attach_later(target);
    auto attached = pm::attach(*pins_, target.number, *target.device, candidate_.xdp);
    if (!attached) return tl::unexpected(attached.error());
    if (!attached->note.empty()) notes_.push_back(attached->note);
    if (!program) return {};
    const auto vlans = vlans_of(target.device->name);
    if (!vlans)
        notes_.push_back(fmt::format("whether {} has VLANs cannot be told: {}", target.name,
                                     vlans.error().message));
    else if (!vlans->empty())
        notes_.push_back(
            fmt::format("the policy holds for {} as for {}", fmt::join(*vlans, ", "), target.name));
    return {};
}

// Its links judge by the policy that they have, until the new one is in force.
Done Rollout::attach_later(const Target &target) {
    later_.push_back(target);
    pm_interface entry = {};
    entry.ifindex = target.device->index;
    target.name.copy(entry.name, sizeof(entry.name) - 1);
    return pins_->set_interface(target.number, entry);
}

// After the switch nothing may fail. What is left to do is done by the next look of `watch`.
void Rollout::take_over_left() {
    bool all = true;
    for (const Target &target : later_) {
        auto done = take_over(*pins_, target.number, *target.device, left_).and_then([&] {
            return pm::attach(*pins_, target.number, *target.device, candidate_.xdp);
        });
        all = all && done;
        notes_.push_back(
            done ? fmt::format("the programs that others had left on {} are replaced", target.name)
                 : fmt::format("warning: {}", with_hint(done.error())));
    }
    if (all && !left_.empty()) forget_left(paths_);
}

Done Rollout::attach() {
    auto left = left_links(paths_);
    if (!left) return tl::unexpected(left.error());
    left_ = std::move(*left);
    if (!pins_) {
        auto created = Pins::create(paths_, *probes_);
        if (!created) return tl::unexpected(created.error());
        pins_ = std::move(*created);
        undo_.add([this] { Pins::remove_all(paths_); });
        if (auto opened = open_control(); !opened) return opened;
    }
    std::vector<Target> attached;
    bool any = false;
    for (const Target &target : candidate_.targets) {
        auto hooks = hooks_.find(target.number);
        auto done = attach_target(target, hooks == hooks_.end() ? nullptr : &hooks->second);
        if (!done && candidate_.extent == Extent::all_or_none) return done;
        if (!done && target.stranger)
            candidate_.without_number.push_back(*target.device);
        else if (!done)
            not_attached_.push_back(with_hint(done.error()));
        any = any || done;
        if (done || !target.is_new)  // what was attached before keeps its number
            attached.push_back(target);
        else
            detach_target(target);
    }
    if (!any)
        return fault(
            fmt::format("no interface can be filtered: {}", fmt::join(not_attached_, "; ")));
    candidate_.targets = std::move(attached);
    tell_places();
    return {};
}

// `watch` tells them again. Without them some packets are dropped, which is no reason to leave the
// host open.
void Rollout::tell_places() {
    if (auto told = set_places(*pins_); !told)
        notes_.push_back(
            fmt::format("warning: {}; what comes to new addresses by a role that is "
                        "'interface' is dropped, and IGMP from new subnets",
                        with_hint(told.error())));
}

}  // namespace pm
