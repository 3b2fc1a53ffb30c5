// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/deployment.h"

#include <chrono>
#include <thread>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/lock.h"

namespace pm {

namespace {

Fallback fallback_of(const Switch &control, const Switch::State &state) {
    Fallback fallback = {
        .generation = 0, .policy = {}, .mode = static_cast<pm_mode>(state.other.mode)};
    if (auto catalog = read_catalog(control.image(state.other.image))) {
        fallback.generation = catalog->generation;
        fallback.policy = catalog->policy;
    }
    return fallback;
}

}  // namespace

Result<InForce> read_in_force(const Switch &control, const InForce *known) {
    for (int attempt = 0; attempt < 10; ++attempt) {
        const Switch::State state = control.state();
        InForce result;
        result.state = state;
        result.mode = static_cast<pm_mode>(state.record.mode);
        if (state.pending)
            result.seconds_left = (state.record.deadline - boottime_ns()) / 1'000'000'000;
        if (state.epoch == 0) return result;
        if (known && known->state.epoch == state.epoch && known->state.expired == state.expired) {
            result.catalog = known->catalog;
            result.fallback = known->fallback;
            return result;
        }

        auto catalog = read_catalog(control.image(state.record.image));
        if (state.pending) result.fallback = fallback_of(control, state);
        // Only what was in force all the while counts: its slot is not rewritten.
        if (control.state().epoch != state.epoch) continue;
        if (!catalog)
            return fault(fmt::format("cannot read the policy in force: {}", catalog.error()));
        result.catalog = std::move(*catalog);
        return result;
    }
    return fault("the policy changes faster than it can be read", "try again");
}

Result<Deployment> read_deployment(Pins pins, const InForce *known) {
    auto control = Switch::open(pins.maps(), Access::read);
    if (!control) return tl::unexpected(control.error());
    auto map = map_info(pins.maps().fd("control"), "control");
    if (!map) return tl::unexpected(map.error());
    // Of other maps an equal epoch says nothing: all was detached in between.
    const bool is_same = known && known->map == map->id;
    return read_in_force(*control, is_same ? known : nullptr).map([&](InForce &&now) {
        now.map = map->id;
        return Deployment{std::move(pins), std::move(*control), std::move(now)};
    });
}

Result<std::optional<Deployment>> open_deployment(const Paths &paths, Access access,
                                                  const InForce *known) {
    auto pins = Pins::open(paths, access);
    // A reader holds no lock. Another process may be taking over from another layout just now.
    for (int pauses = 0;
         !pins && pauses < 60 && Pins::are_being_taken_over(paths) && Lock::is_changing(paths);
         ++pauses) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        pins = Pins::open(paths, access);
    }
    if (!pins) pins = Pins::open(paths, access);  // that may have ended since it was opened
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins) return std::nullopt;
    return read_deployment(std::move(**pins), known);
}

Fault nothing_attached() {
    return {"nothing is attached", "put a policy in force first: portmatrix apply -i IFACE POLICY"};
}

Fault no_policy_in_force() {
    return {"no policy is in force", "put one in force with 'portmatrix apply'"};
}

Result<Deployment> need_deployment(const Paths &paths, const Fault &missing) {
    auto deployment = open_deployment(paths);
    if (!deployment) return tl::unexpected(deployment.error());
    if (!*deployment) return tl::unexpected(missing);
    return std::move(**deployment);
}

}  // namespace pm
