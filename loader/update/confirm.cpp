// SPDX-License-Identifier: Apache-2.0
#include "loader/update/confirm.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/known_targets.h"
#include "loader/attach/targets.h"
#include "loader/host/nft_close.h"
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
    auto targets = known_targets(rollout.pins(), known_nics(*generation), Extent::all_or_none);
    if (!targets) return tl::unexpected(targets.error());
    const Told told = told_of(targets->targets);
    if (!told.closed.empty())
        return fault(
            fmt::format("generation {} was confirmed with other devices: {}", generation->number,
                        fmt::join(told.closed, "; ")),
            fmt::format("apply its policy: portmatrix show --generation {}", generation->number),
            Exit::refused);
    auto stored =
        stored_candidate(store, *generation, std::move(*targets), rollout, Extent::all_or_none);
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

// What the host's interfaces are known by, as of now: it is what is confirmed. If it cannot be
// stored, what was known at the apply counts.
void store_facts(const Store &store, Generation generation, const Pins &pins, Outcome &outcome) {
    auto interfaces = pins.interfaces();
    auto present = all_nics();
    std::vector<NamedIndex> named;
    for (const std::string &name : generation.interfaces) {
        named.push_back({name, 0});
        if (!interfaces) continue;
        const auto found = std::ranges::find(*interfaces, name, &Pins::Interface::name);
        if (found != interfaces->end()) named.back().index = linked_device(pins, *found);
    }
    if (present) {
        NicFacts facts = nic_facts_of(named, generation.nics, *present);
        generation.nics = std::move(facts.nics);
        generation.others = std::move(facts.others);
    }
    auto stored = present ? store.save_about(generation) : tl::unexpected(present.error());
    if (!stored)
        outcome.notes.push_back("warning: what the interfaces are known by is as of the apply: " +
                                stored.error().message);
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
    Outcome outcome = outcome_now(*interfaces, *rollout.control());
    if (auto generation = store->generation(now.catalog.generation)) {
        adopt_names(*rollout.pins(), generation->interfaces);
        store_facts(*store, std::move(*generation), *rollout.pins(), outcome);
    }
    for (const std::string &name : release_numbers(*rollout.pins(), now.state.record))
        outcome.notes.push_back(
            fmt::format("{} is not closed any more: it is no interface of the policy", name));
    (void)close_by_nftables(paths, {});  // `watch` makes it again where it is needed
    return outcome;
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
        if (auto done =
                list_unfiltered(paths, *rollout.pins(), state.record, state.other).and_then([&] {
                    return rollout.writer()->publish(state.other, state.epoch);
                });
            !done)
            return tl::unexpected(done.error());
    return outcome_now(*interfaces, rollout);
}

}  // namespace pm
