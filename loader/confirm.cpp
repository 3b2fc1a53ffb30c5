// SPDX-License-Identifier: Apache-2.0
#include "loader/confirm.h"

#include <algorithm>

#include <fmt/core.h>

#include "loader/revive.h"

namespace pm {
namespace {

Outcome outcome_of(const InForce &now) {
    return {now.catalog.generation, now.catalog.policy, now.catalog.sha256, now.mode, {}, {}};
}

// What is in force on which of these interfaces. They are read before a change, so that nothing
// after it can fail and be taken for a change that was not made.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Switch &control) {
    Outcome outcome;
    if (auto now = read_in_force(control))
        outcome = outcome_of(*now);
    else
        outcome.notes.push_back("warning: what is in force cannot be read: " + now.error().message);
    const unsigned filtered = control.state().record.interfaces;
    for (const Pins::Interface &one : interfaces) {
        if (filtered >> one.number & 1)
            outcome.interfaces.push_back(one.name());
        else
            outcome.notes.push_back(fmt::format("{} is now unfiltered", one.name()));
    }
    return outcome;
}

Done open(Rollout &rollout) {
    return rollout.open().and_then([&]() -> Done {
        if (rollout.pins() && rollout.before().mode != PM_MODE_OFF) return {};
        return fault("no policy is in force", "put one in force with 'portmatrix apply'");
    });
}

Result<Outcome> go_back(Rollout &rollout, Store &store) {
    auto confirmed = store.confirmed();
    if (!confirmed) return tl::unexpected(confirmed.error());
    if (!*confirmed || (*confirmed)->previous == 0)
        return fault("there is no generation before this one");
    auto generation = store.generation((*confirmed)->previous);
    if (!generation) return tl::unexpected(generation.error());
    std::vector<std::string> notes;
    auto candidate = revive(store, *generation, rollout, notes);
    if (!candidate) return tl::unexpected(candidate.error());
    if (auto done = rollout.prepare(std::move(*candidate)); !done)
        return tl::unexpected(done.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = store.confirm({generation->number, (*confirmed)->generation}); !done)
        return tl::unexpected(done.error());
    if (auto done = rollout.commit(generation->mode, 0, Rollout::Way::back); !done) {
        store.put_back(*confirmed);
        return tl::unexpected(done.error());
    }
    Outcome outcome = outcome_now(*interfaces, *rollout.control());
    notes.insert(notes.end(), rollout.notes().begin(), rollout.notes().end());
    outcome.notes.insert(outcome.notes.begin(), notes.begin(), notes.end());
    return outcome;
}

Result<Outcome> restore_remainder(Rollout &rollout, const Store &store, const Fault &why) {
    auto rest = remainder(store, rollout);
    if (!rest) return tl::unexpected(rest.error());
    // Filtering nothing would pass for a firewall; the next attempt may find an interface.
    if (rest->candidate.targets.empty())
        return fault(fmt::format("nothing can be put in force: {}", why.message));
    std::string names;
    for (const Target &one : rest->candidate.targets) names += " " + one.name;
    auto done = rollout.prepare(std::move(rest->candidate)).and_then([&] {
        return rollout.commit(PM_MODE_ENFORCE, 0);
    });
    if (!done) return tl::unexpected(done.error());
    return fault(
        fmt::format("the confirmed policy cannot be put in force: {}; in force are the essentials "
                    "and {} on{}",
                    why.message,
                    rest->generation
                        ? fmt::format("the failsafe rows of generation {}", rest->generation)
                        : std::string("no row"),
                    names),
        "apply a policy: portmatrix apply POLICY");
}

Result<Outcome> restore_generation(Rollout &rollout, const Store &store, std::uint64_t number) {
    auto generation = store.generation(number);
    if (!generation) return tl::unexpected(generation.error());
    std::vector<std::string> notes;
    auto candidate = revive(store, *generation, rollout, notes);
    if (!candidate) return tl::unexpected(candidate.error());
    if (candidate->targets.empty())
        return fault(fmt::format("none of the interfaces of generation {} exists", number));
    if (auto done = rollout.prepare(std::move(*candidate)); !done)
        return tl::unexpected(done.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = rollout.commit(generation->mode, 0); !done) return tl::unexpected(done.error());
    Outcome outcome = outcome_now(*interfaces, *rollout.control());
    notes.insert(notes.end(), rollout.notes().begin(), rollout.notes().end());
    outcome.notes.insert(outcome.notes.begin(), notes.begin(), notes.end());
    return outcome;
}

}  // namespace

Done reconcile(Store &store, const InForce &now) {
    if (now.state.epoch == 0 || now.state.pending) return {};
    auto confirmed = store.confirmed();
    if (!confirmed) return {};  // unreadable: the next confirmed generation replaces it
    const std::vector<std::uint64_t> known = store.numbers();
    const std::uint64_t number = now.catalog.generation;
    if (!*confirmed || (*confirmed)->generation == number ||
        std::find(known.begin(), known.end(), number) == known.end())
        return {};
    return store.confirm({number, (*confirmed)->previous});
}

Result<std::vector<std::string>> attach_missing(const Places &places) {
    std::vector<std::string> missing;
    Rollout rollout(places);
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.before().state.pending) return missing;
    auto generation = store->generation(rollout.before().catalog.generation);
    if (!generation) return missing;
    std::vector<std::string> notes;
    auto candidate = revive(*store, *generation, rollout, notes);
    if (!candidate) return tl::unexpected(candidate.error());
    for (const Target &one : candidate->targets)
        if (one.is_new) missing.push_back(one.name);
    if (missing.empty()) return missing;
    const pm_mode mode = rollout.before().mode;
    auto done =
        rollout.prepare(std::move(*candidate)).and_then([&] { return rollout.commit(mode, 0); });
    if (!done) return tl::unexpected(done.error());
    return missing;
}

Result<Outcome> confirm(const Places &places) {
    Rollout rollout(places);
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.rolled_back())
        return fault(fmt::format("too late: generation {} was not confirmed in time and is rolled "
                                 "back",
                                 rollout.rolled_back()->generation),
                     "apply it again", Exit::refused);
    const InForce &now = rollout.before();
    if (!now.state.pending) return fault("nothing waits to be confirmed");
    auto before = store->confirmed();
    if (!before) return tl::unexpected(before.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto stored = store->confirm({now.catalog.generation, *before ? (*before)->generation : 0});
    if (!stored) return tl::unexpected(stored.error());
    if (auto done = rollout.writer()->publish(now.state.record, now.state.epoch); !done) {
        store->put_back(*before);
        return tl::unexpected(done.error());
    }
    return outcome_now(*interfaces, *rollout.control());
}

Result<Outcome> roll_back(const Places &places) {
    Rollout rollout(places);
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open(rollout); !opened) return tl::unexpected(opened.error());
    const Switch::State &state = rollout.before().state;
    if (!rollout.rolled_back() && !state.pending) {
        if (auto done = reconcile(*store, rollout.before()); !done)
            return tl::unexpected(done.error());
        return go_back(rollout, *store);
    }
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (state.pending)
        if (auto done = rollout.writer()->publish(state.other, state.epoch); !done)
            return tl::unexpected(done.error());
    Outcome outcome = outcome_now(*interfaces, *rollout.control());
    outcome.notes.insert(outcome.notes.begin(), rollout.notes().begin(), rollout.notes().end());
    return outcome;
}

Result<std::optional<Outcome>> restore(const Places &places) {
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    const auto confirmed = store->confirmed();
    Result<Outcome> outcome = tl::unexpected(confirmed ? Fault{} : confirmed.error());
    {
        Rollout rollout(places);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        if (rollout.pins() && rollout.before().mode != PM_MODE_OFF) {
            auto interfaces = rollout.pins()->interfaces();
            if (!interfaces) return tl::unexpected(interfaces.error());
            Outcome now = outcome_now(*interfaces, *rollout.control());
            now.changed = false;
            return std::optional(std::move(now));
        }
        if (confirmed && !*confirmed) return std::nullopt;
        if (confirmed) outcome = restore_generation(rollout, *store, (*confirmed)->generation);
    }
    if (!outcome) {  // what that did is undone by now
        Rollout rollout(places);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        outcome = restore_remainder(rollout, *store, outcome.error());
    }
    if (!outcome) return tl::unexpected(outcome.error());
    return std::optional(std::move(*outcome));
}

}  // namespace pm
