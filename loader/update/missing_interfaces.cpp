// SPDX-License-Identifier: Apache-2.0
#include "loader/update/missing_interfaces.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/state/detached.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"
#include "loader/update/test_packets.h"
#include "policy/image/locals.h"

namespace pm {
namespace {

// Is the interface filtered by the record in force as the target says? It is not if a command was
// killed that had attached it already.
bool is_in_force(const Target &target, const Pins::Interface &interface, const pm_record &record,
                 pm_view image) {
    return holds_on(record, target.number) &&
           target.closed.empty() != is_closed(image, target.number) &&
           interface.name() == target.shown_name() &&
           (interface.entry.stranger != 0) == target.stranger;
}

// The interfaces of the policy that were closed and are not any more, by name. Of other devices the
// commit says it.
std::vector<std::string> opened_by(const std::vector<Target> &targets, const Rollout &rollout) {
    std::vector<std::string> names;
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return names;
    const pm_view image = rollout.control()->image(rollout.in_force_before().state.record.image);
    for (const Pins::Interface &one : *interfaces) {
        const auto target = std::ranges::find(targets, one.number, &Target::number);
        const bool stays_closed = target != targets.end() && !target->closed.empty();
        if (one.entry.stranger == 0 && is_closed(image, one.number) && !stays_closed)
            names.push_back(one.name());
    }
    return names;
}

Result<StoredCandidate> candidate_of(NicsInForce &&nics, const Store &store,
                                     const Rollout &rollout) {
    if (rollout.in_force_before().catalog.generation != 0)
        return stored_candidate(store, nics.generation, std::move(nics.targets), rollout,
                                Extent::where_possible);
    auto failsafe = failsafe_candidate(store, rollout, nics.detached);
    if (!failsafe) return tl::unexpected(failsafe.error());
    return StoredCandidate{.candidate = std::move(failsafe->candidate),
                           .not_attached = std::move(nics.targets.not_attached),
                           .notes = {}};
}

}  // namespace

Result<NicsInForce> nics_in_force(const Paths &paths, const Pins &pins, const Switch &control) {
    const pm_view image = control.image(control.state().record.image);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    auto generation = generation_known(*store, pm_field(image, pm_image, generation));
    if (!generation) return tl::unexpected(generation.error());
    auto detached = read_detached(paths);
    if (!detached) return tl::unexpected(detached.error());
    auto targets =
        known_targets(&pins, known_nics(*generation, detached->names), Extent::where_possible);
    if (!targets) return tl::unexpected(targets.error());
    return NicsInForce{.generation = std::move(*generation),
                       .targets = std::move(*targets),
                       .detached = std::move(detached->names)};
}

Result<Difference> compare_with_in_force(const NicsInForce &nics, const Pins &pins,
                                         const Switch &control) {
    Difference difference;
    const Switch::State state = control.state();
    if (state.record.mode == PM_MODE_OFF) return difference;
    auto interfaces = pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    const pm_view image = control.image(state.record.image);
    const std::vector<Target> &targets = nics.targets.targets;
    for (const Target &one : targets) {
        const auto found = std::ranges::find(*interfaces, one.number, &Pins::Interface::number);
        const bool holds = found != interfaces->end() &&
                           is_in_force(one, *found, state.record, image) &&
                           pins.has_interface(one.number);  // others may have removed its pins
        if (holds) continue;
        difference.needs_switch = true;
        if (!one.closed.empty() && one.device) difference.open.push_back(*one.device);
    }
    for (const Pins::Interface &one : *interfaces)
        if (one.entry.stranger != 0 &&
            std::ranges::find(targets, one.number, &Target::number) == targets.end())
            difference.needs_switch = true;
    if (state.pending) difference.needs_switch = false;
    return difference;
}

Result<MissingInterfaces> put_in_force_anew(const Paths &paths, NicsInForce nics) {
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    const InForce &now = rollout.in_force_before();
    MissingInterfaces missing;
    missing.opened = opened_by(nics.targets.targets, rollout);
    auto stored = candidate_of(std::move(nics), *store, rollout);
    if (!stored) return tl::unexpected(stored.error());
    missing.not_attached = std::move(stored->not_attached);
    missing.notes = std::move(stored->notes);
    if (auto done = rollout.prepare(std::move(stored->candidate)); !done)
        return tl::unexpected(done.error());
    if (auto done = run_test_packets(paths, rollout, test_packets_of_image(rollout)); !done)
        return tl::unexpected(done.error());
    missing.not_attached.insert(missing.not_attached.end(), rollout.not_attached().begin(),
                                rollout.not_attached().end());
    for (const Target &one : rollout.targets())
        if (one.is_new && one.device && one.closed.empty())
            missing.attached.push_back(one.shown_name());
    if (auto done = rollout.commit({.mode = now.mode}); !done) return tl::unexpected(done.error());
    missing.notes.insert(missing.notes.end(), rollout.notes().begin(), rollout.notes().end());
    return missing;
}

}  // namespace pm
