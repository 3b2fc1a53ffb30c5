// SPDX-License-Identifier: Apache-2.0
#include "loader/update/confirm.h"

#include "loader/attach/targets.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/state/store.h"
#include "loader/update/expiry.h"
#include "loader/update/reconcile.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

Fault too_late(const std::string &expiry) {
    return {"too late: " + expiry, "apply it again", Exit::refused};
}

// Puts the generation in force that was confirmed before the present one.
Result<Outcome> put_back_previous(Rollout &rollout, Store &store) {
    auto confirmed = store.confirmed();
    if (!confirmed) return tl::unexpected(confirmed.error());
    if (!*confirmed || (*confirmed)->previous == 0)
        return fault("there is no generation before this one");
    auto generation = store.generation((*confirmed)->previous);
    if (!generation) return tl::unexpected(generation.error());
    auto stored = stored_candidate(store, *generation, rollout, Extent::all_or_none);
    if (!stored) return tl::unexpected(stored.error());
    if (auto done = rollout.prepare(std::move(stored->candidate)); !done)
        return tl::unexpected(done.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = store.confirm({generation->number, (*confirmed)->generation}); !done)
        return tl::unexpected(done.error());
    if (auto done = rollout.commit({.mode = generation->mode, .step = Rollout::Step::rollback});
        !done) {
        store.undo_confirm(*confirmed);
        return tl::unexpected(done.error());
    }
    return outcome_now(*interfaces, rollout, std::move(stored->notes));
}

}  // namespace

Result<Outcome> confirm(const Paths &paths) {
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.expiry_note()) return tl::unexpected(too_late(*rollout.expiry_note()));
    const InForce &now = rollout.in_force_before();
    if (!now.state.pending) {
        if (const auto expired = last_expiry(paths)) return tl::unexpected(too_late(*expired));
        return fault("nothing waits to be confirmed");
    }
    // If it cannot be read, boot could not have used it either: it is replaced.
    const auto before = store->confirmed().value_or(std::nullopt);
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto stored = store->confirm({now.catalog.generation, before ? before->generation : 0});
    if (!stored) return tl::unexpected(stored.error());
    if (auto done = rollout.writer()->publish(now.state.record, now.state.epoch); !done) {
        store->undo_confirm(before);
        return tl::unexpected(done.error());
    }
    if (auto generation = store->generation(now.catalog.generation))
        adopt_names(*rollout.pins(), generation->interfaces);
    return outcome_now(*interfaces, *rollout.control());
}

Result<Outcome> roll_back(const Paths &paths) {
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    const Switch::State &state = rollout.in_force_before().state;
    if (!rollout.expiry_note() && !state.pending) {
        if (auto done = reconcile(*store, rollout.in_force_before()); !done)
            return tl::unexpected(done.error());
        return put_back_previous(rollout, *store);
    }
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (state.pending)
        if (auto done = rollout.writer()->publish(state.other, state.epoch); !done)
            return tl::unexpected(done.error());
    return outcome_now(*interfaces, rollout);
}

}  // namespace pm
