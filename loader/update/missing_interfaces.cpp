// SPDX-License-Identifier: Apache-2.0
#include "loader/update/missing_interfaces.h"

#include <algorithm>

#include "loader/state/detached.h"
#include "loader/update/outcome.h"
#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

bool is_new(const Target &one) {
    return one.is_new;
}

}  // namespace

Result<Late> attach_missing(const Paths &paths) {
    Late late;
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.before().state.pending) return late;
    auto generation = store->generation(rollout.before().catalog.generation);
    if (!generation) return late;
    generation->interfaces = without_detached(paths, std::move(generation->interfaces));
    auto candidate = revive(*store, *generation, rollout, late.notes, &late.unfit);
    if (!candidate) return tl::unexpected(candidate.error());
    if (std::none_of(candidate->targets.begin(), candidate->targets.end(), is_new)) return late;
    const pm_mode mode = rollout.before().mode;
    if (auto done = rollout.prepare(std::move(*candidate)); !done)
        return tl::unexpected(done.error());
    late.unfit.insert(late.unfit.end(), rollout.unfit().begin(), rollout.unfit().end());
    for (const Target &one : rollout.targets())
        if (one.is_new) late.attached.push_back(one.name);
    if (late.attached.empty()) return late;
    if (auto done = rollout.commit(mode, 0); !done) return tl::unexpected(done.error());
    late.notes.insert(late.notes.end(), rollout.notes().begin(), rollout.notes().end());
    return late;
}

}  // namespace pm
