// SPDX-License-Identifier: Apache-2.0
#include "loader/update/detach.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/attach/layout_takeover.h"
#include "loader/attach/occupant.h"
#include "loader/attach/takeover.h"
#include "loader/attach/targets.h"
#include "loader/attach/unfilter.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"
#include "loader/update/expiry.h"
#include "loader/update/rollout.h"

namespace pm {
namespace {

// The interfaces of the confirmed generation; none was ever confirmed: none.
Result<std::vector<std::string>> confirmed_interfaces(const Paths &paths) {
    return Store::open(paths)
        .and_then([](const Store &store) { return store.confirmed_generation(); })
        .map([](const std::optional<Generation> &generation) {
            return generation ? generation->interfaces : std::vector<std::string>();
        });
}

// What is detached by command once these are, too. Is nothing to be in force any more? Not if an
// interface of the confirmed generation is left: it may be absent, or filtered by nftables. What
// cannot be read says that one is left.
Result<Detached> detached_with(const Paths &paths, const std::vector<std::string> &names,
                               bool is_last) {
    auto detached = read_detached(paths);
    if (!detached) return detached;
    for (const std::string &name : names)
        if (std::ranges::find(detached->names, name) == detached->names.end())
            detached->names.push_back(name);
    auto interfaces = confirmed_interfaces(paths);
    detached->all =
        is_last && interfaces && std::ranges::all_of(*interfaces, [&](const std::string &one) {
            return std::ranges::find(detached->names, one) != detached->names.end();
        });
    return detached;
}

// Notes what is about to be detached, then stops it. The note comes first: whoever is killed in
// between has detached nothing, and nothing that is detached looks as if others had removed it.
template <typename Stop>
Done stop_noted(const Paths &paths, const Detached &after, const Stop &stop) {
    const auto before = read_detached(paths);
    auto stopped = write_detached(paths, after).and_then(stop);
    // The first fault is the one to report. What could not be read is not put back as empty.
    if (!stopped && before) (void)write_detached(paths, *before);
    return stopped;
}

// Every hook of every interface stops at once. `by_name`: others that are not attached may still be
// filtered in another way, or when they come.
Done stop_all(const Paths &paths, const Pins &pins, bool by_name, DetachOutcome &outcome) {
    auto control = Switch::open(pins.maps(), Access::write);
    if (!control) return tl::unexpected(control.error());
    auto expiry = settle_expiry(paths, pins, *control);
    if (!expiry) return tl::unexpected(expiry.error());
    if (*expiry) outcome.notes.push_back(**expiry);
    auto detached = by_name ? detached_with(paths, outcome.names, true) : Detached{.all = true};
    if (!detached) return tl::unexpected(detached.error());
    const Switch::State now = control->state();
    pm_record off = now.record;
    off.mode = PM_MODE_OFF;
    off.deadline = off.fallback = 0;
    return stop_noted(paths, *detached, [&] { return control->publish(off, now.epoch); });
}

// No policy holds on these interfaces any more. The record says so, because another interface may
// get their numbers next.
Done stop_on(const Paths &paths, const std::vector<Pins::Interface> &interfaces,
             DetachOutcome &outcome) {
    Rollout rollout(paths);
    if (auto opened = rollout.open(); !opened) return opened;
    outcome.notes = rollout.notes();
    auto detached = detached_with(paths, outcome.names, false);
    if (!detached) return tl::unexpected(detached.error());
    return stop_noted(paths, *detached, [&]() -> Done {
        if (!rollout.has_policy_in_force()) return {};
        return rollout.writer()->republish([&](pm_record &record) {
            for (const Pins::Interface &one : interfaces)
                record.interfaces &= static_cast<std::uint16_t>(~(1u << one.number));
        });
    });
}

// No `names`: all.
Result<DetachOutcome> detach_from(const Paths &paths, const Pins &pins,
                                  const std::vector<std::string> &names) {
    auto all = pins.interfaces();
    auto chosen = select_interfaces(pins, names);
    if (!all) return tl::unexpected(all.error());
    if (!chosen) return tl::unexpected(chosen.error());

    DetachOutcome outcome;
    const bool last = chosen->size() == all->size();
    for (const Pins::Interface &one : *chosen) outcome.names.push_back(one.name());
    auto stopped =
        last ? stop_all(paths, pins, !names.empty(), outcome) : stop_on(paths, *chosen, outcome);
    if (!stopped) return tl::unexpected(stopped.error());
    for (const Pins::Interface &one : *chosen)
        if (auto cleared = detach(pins, one); !cleared && !last) outcome.cleared = cleared;
    if (last) forget_left(paths);
    if (last) Pins::remove_all(paths);  // and with them whatever could not be cleared
    return outcome;
}

// What is detached is noted first: with no pin in the folder, that is all there is.
Done take_off_unpinned(const Paths &paths, const std::string &name) {
    auto device = find_device(name);
    if (!device) return tl::unexpected(device.error());
    const std::vector<std::string> others = devices_with_own_program(paths);
    const bool is_last = std::ranges::all_of(
        others, [&](const std::string &other) { return other == device->name; });
    auto detached = detached_with(paths, {device->name}, is_last);
    if (!detached) return tl::unexpected(detached.error());
    return stop_noted(paths, *detached, [&]() -> Done {
        auto count = take_off_own(*device);
        if (!count) return tl::unexpected(count.error());
        if (*count > 0) return {};
        return fault(fmt::format("nothing of portmatrix is attached to '{}'", name), {},
                     Exit::usage);
    });
}

}  // namespace

Result<DetachOutcome> detach_interfaces(const Paths &paths, const std::vector<std::string> &names) {
    if (auto taken = take_over_layout(paths); !taken) return tl::unexpected(taken.error());
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins)
        return fault(fmt::format("nothing is attached to '{}'", names.at(0)), {}, Exit::usage);
    return detach_from(paths, **pins, names);
}

Result<DetachOutcome> detach_interfaces_by_force(const Paths &paths,
                                                 const std::vector<std::string> &names) {
    if (auto taken = take_over_layout(paths); !taken) return tl::unexpected(taken.error());
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    DetachOutcome outcome;
    std::vector<std::string> without_pins;
    for (const std::string &name : names)
        if (!*pins || !select_interfaces(**pins, {name})) without_pins.push_back(name);
    if (without_pins.size() < names.size()) {
        std::vector<std::string> pinned = names;
        std::erase_if(pinned, [&](const std::string &name) {
            return std::ranges::find(without_pins, name) != without_pins.end();
        });
        auto detached = detach_from(paths, **pins, pinned);
        if (!detached) return detached;
        outcome = std::move(*detached);
    }
    for (const std::string &name : without_pins) {
        auto taken = take_off_unpinned(paths, name);
        if (!taken && outcome.names.empty()) return tl::unexpected(taken.error());
        if (!taken)
            outcome.cleared = tl::unexpected(taken.error());
        else
            outcome.names.push_back(name);
    }
    return outcome;
}

namespace {

// Reads no map, so that it does not matter which layout they have.
Result<DetachOutcome> unfilter_noted(const Paths &paths) {
    DetachOutcome outcome;
    auto done = stop_noted(paths, {.all = true}, [&] {
        return unfilter_all(paths).map(
            [&](std::vector<std::string> &&names) { outcome.names = std::move(names); });
    });
    return done.map([&] { return std::move(outcome); });
}

}  // namespace

Result<DetachOutcome> detach_all(const Paths &paths) {
    // What cannot be taken over can be taken off all the same.
    if (is_of_older_layout(paths) && !take_over_layout(paths)) return unfilter_noted(paths);
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (*pins) return detach_from(paths, **pins, {});
    auto noted = stop_noted(paths, {.all = true}, [] { return Done(); });
    if (!noted) return tl::unexpected(noted.error());
    forget_left(paths);
    Pins::remove_all(paths);  // what an interrupted detach left
    return DetachOutcome();
}

Result<DetachOutcome> detach_all_by_force(const Paths &paths) {
    auto outcome = detach_all(paths);
    return outcome ? std::move(outcome) : unfilter_noted(paths);
}

}  // namespace pm
