// SPDX-License-Identifier: Apache-2.0
#include "loader/update/missing_interfaces.h"

#include <algorithm>

#include "loader/attach/targets.h"
#include "loader/kernel/pins.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"
#include "loader/update/outcome.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

bool has_new(const std::vector<Target> &targets) {
    return std::ranges::any_of(targets, &Target::is_new);
}

// The interfaces that boot would attach to, without reading an image. None if that cannot be read.
Result<NamedTargets> confirmed_targets(const Paths &paths) {
    auto store = Store::open(paths);
    if (!store) return {};
    auto confirmed = store->confirmed();
    if (!confirmed || !*confirmed) return {};
    auto generation = store->generation((*confirmed)->generation);
    auto pins = Pins::open(paths);
    if (!generation || !pins || !*pins) return {};
    return without_detached(paths, std::move(generation->interfaces))
        .and_then([&](const std::vector<std::string> &names) {
            return targets_named(&**pins, names, Extent::where_possible);
        });
}

// Puts the generation in force on all its interfaces, those that are new included.
Result<MissingInterfaces> extend_generation(const Paths &paths) {
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    MissingInterfaces missing;
    const InForce &now = rollout.in_force_before();
    if (now.state.pending) return missing;
    auto generation = store->generation(now.catalog.generation);
    if (!generation) return missing;
    auto wanted = without_detached(paths, std::move(generation->interfaces));
    if (!wanted) return tl::unexpected(wanted.error());
    generation->interfaces = std::move(*wanted);
    auto stored = stored_candidate(*store, *generation, rollout, Extent::where_possible);
    if (!stored) return tl::unexpected(stored.error());
    missing.not_attached = std::move(stored->not_attached);
    missing.notes = std::move(stored->notes);
    if (!has_new(stored->candidate.targets)) return missing;

    if (auto done = rollout.prepare(std::move(stored->candidate)); !done)
        return tl::unexpected(done.error());
    missing.not_attached.insert(missing.not_attached.end(), rollout.not_attached().begin(),
                                rollout.not_attached().end());
    for (const Target &one : rollout.targets())
        if (one.is_new) missing.attached.push_back(one.name);
    if (missing.attached.empty()) return missing;
    if (auto done = rollout.commit({.mode = now.mode}); !done) return tl::unexpected(done.error());
    missing.notes.insert(missing.notes.end(), rollout.notes().begin(), rollout.notes().end());
    return missing;
}

}  // namespace

Result<MissingInterfaces> attach_missing(const Paths &paths) {
    auto confirmed = confirmed_targets(paths);
    if (!confirmed) return tl::unexpected(confirmed.error());
    if (has_new(confirmed->targets)) return extend_generation(paths);
    MissingInterfaces missing;
    missing.not_attached = std::move(confirmed->not_attached);
    return missing;
}

}  // namespace pm
