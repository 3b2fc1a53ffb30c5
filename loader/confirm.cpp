// SPDX-License-Identifier: Apache-2.0
#include "loader/confirm.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/history.h"
#include "loader/revive.h"

namespace pm {
namespace {

Outcome outcome_of(const InForce &now) {
    return {now.catalog.generation, now.catalog.policy, now.catalog.sha256, now.mode, {}, {}, {}};
}

// What is in force on which of these interfaces. They are read before a change, so that nothing
// after it can fail and be taken for a change that was not made.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Switch &control) {
    Outcome outcome;
    if (auto now = read_in_force(control))
        outcome = outcome_of(*now);
    else
        outcome.notes.push_back("warning: what is in force cannot be read: " + now.error().message);
    const pm_record record = control.state().record;
    for (const Pins::Interface &one : interfaces) {
        if (holds_on(record, one.number))
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

bool is_new(const Target &one) {
    return one.is_new;
}

Fault too_late(const std::string &expiry) {
    return {"too late: " + expiry, "apply it again", Exit::refused};
}

// With what was said on the way, first of all.
Outcome outcome_now(const std::vector<Pins::Interface> &interfaces, const Rollout &rollout,
                    std::vector<std::string> notes = {}) {
    Outcome outcome = outcome_now(interfaces, *rollout.control());
    notes.insert(notes.end(), rollout.notes().begin(), rollout.notes().end());
    outcome.notes.insert(outcome.notes.begin(), notes.begin(), notes.end());
    return outcome;
}

// What was told of a deadline that has passed, if nothing was changed since: `watch` may have
// settled that.
std::optional<std::string> expired_last(const Places &places) {
    std::size_t torn = 0;
    auto entries = read_history(places, torn);
    if (!entries) return std::nullopt;
    for (auto one = entries->rbegin(); one != entries->rend(); ++one) {
        if (one->outcome != "done" || one->action == "attach") continue;
        if (one->action == "ban" || one->action == "unban") continue;
        return one->action == "expire" ? std::optional(one->message) : std::nullopt;
    }
    return std::nullopt;
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
    return outcome_now(*interfaces, rollout, std::move(notes));
}

std::string not_restored(const Fault &why) {
    return fmt::format("the confirmed policy cannot be put in force: {}", why.message);
}

Result<Outcome> restore_remainder(Rollout &rollout, const Store &store, const Fault &why) {
    auto rest = remainder(store, rollout);
    if (!rest) return tl::unexpected(rest.error());
    // Filtering nothing would pass for a firewall; the next attempt may find an interface.
    if (rest->candidate.targets.empty())
        return fault(fmt::format("nothing can be put in force: {}", why.message));
    if (auto done = rollout.prepare(std::move(rest->candidate)); !done)
        return tl::unexpected(done.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = rollout.commit(PM_MODE_ENFORCE, 0); !done) return tl::unexpected(done.error());
    return fault(
        fmt::format("{}; in force are the essentials and {} on {}{}", not_restored(why),
                    rest->generation
                        ? fmt::format("the failsafe rows of generation {}", rest->generation)
                        : std::string("no row"),
                    fmt::join(outcome_now(*interfaces, *rollout.control()).interfaces, ", "),
                    rollout.lost_bans().empty()
                        ? ""
                        : ", without any ban, as they cannot be read: " + rollout.lost_bans()),
        "try again: portmatrix restore; or apply a policy: portmatrix apply POLICY");
}

bool is_standing(const Rollout &rollout) {
    return rollout.pins() && rollout.before().mode != PM_MODE_OFF;
}

// What a restore left that could do no more: no generation has its number.
bool is_remainder(const Rollout &rollout) {
    return rollout.before().catalog.generation == 0;
}

Result<std::optional<Outcome>> what_stands(const Rollout &rollout, const std::string &note = {}) {
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    Outcome now = outcome_now(*interfaces, rollout);
    now.changed = false;
    if (!note.empty()) now.notes.push_back(note);
    return std::optional(std::move(now));
}

// On those of its interfaces that can be attached to: one that cannot leaves no other open.
Result<Outcome> restore_generation(Rollout &rollout, const Store &store, std::uint64_t number) {
    auto generation = store.generation(number);
    if (!generation) return tl::unexpected(generation.error());
    std::vector<std::string> notes, unfit;
    auto candidate = revive(store, *generation, rollout, notes, &unfit);
    if (!candidate) return tl::unexpected(candidate.error());
    if (candidate->targets.empty())
        return fault(unfit.empty()
                         ? fmt::format("none of the interfaces of generation {} exists", number)
                         : fmt::format("no interface can be filtered: {}", fmt::join(unfit, "; ")));
    if (auto done = rollout.prepare(std::move(*candidate)); !done)
        return tl::unexpected(done.error());
    unfit.insert(unfit.end(), rollout.unfit().begin(), rollout.unfit().end());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = rollout.commit(generation->mode, 0); !done) return tl::unexpected(done.error());
    Outcome outcome = outcome_now(*interfaces, rollout, std::move(notes));
    outcome.unfit = std::move(unfit);
    outcome.lost_bans = rollout.lost_bans();
    return outcome;
}

// A fault where something of the generation is lacking.
Done is_whole(const Outcome &outcome) {
    std::vector<std::string> lacks, remedies;
    if (!outcome.unfit.empty()) {
        lacks.push_back(fmt::format("not on every interface: {}", fmt::join(outcome.unfit, "; ")));
        remedies.emplace_back("'portmatrix watch' attaches to the rest as soon as it can");
    }
    if (!outcome.lost_bans.empty()) {
        lacks.push_back("without any ban, as they cannot be read: " + outcome.lost_bans);
        remedies.emplace_back("mend or remove the file, then 'portmatrix apply' reads the bans");
    }
    if (lacks.empty()) return {};
    return fault(fmt::format("generation {} is in force on {}, and {}", outcome.generation,
                             fmt::join(outcome.interfaces, ", "), fmt::join(lacks, "; and ")),
                 fmt::format("{}", fmt::join(remedies, "; ")));
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
    const bool never_switched = (*confirmed)->previous == number;
    return store.confirm({number, never_switched ? (*confirmed)->earlier : (*confirmed)->previous});
}

Result<Late> attach_missing(const Places &places) {
    Late late;
    Rollout rollout(places);
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.before().state.pending) return late;
    auto generation = store->generation(rollout.before().catalog.generation);
    if (!generation) return late;
    generation->interfaces = without_detached(places, std::move(generation->interfaces));
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

Result<Outcome> confirm(const Places &places) {
    Rollout rollout(places);
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.rolled_back()) return tl::unexpected(too_late(*rollout.rolled_back()));
    const InForce &now = rollout.before();
    if (!now.state.pending) {
        if (const auto expired = expired_last(places)) return tl::unexpected(too_late(*expired));
        return fault("nothing waits to be confirmed");
    }
    // Where it cannot be read, boot has nothing to lose.
    const auto before = store->confirmed().value_or(std::nullopt);
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto stored = store->confirm({now.catalog.generation, before ? before->generation : 0});
    if (!stored) return tl::unexpected(stored.error());
    if (auto done = rollout.writer()->publish(now.state.record, now.state.epoch); !done) {
        store->put_back(before);
        return tl::unexpected(done.error());
    }
    if (auto generation = store->generation(now.catalog.generation))
        take_names(*rollout.pins(), generation->interfaces);
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
    return outcome_now(*interfaces, rollout);
}

Result<std::optional<Outcome>> restore(const Places &places) {
    auto store = Store::open(places);
    if (!store) return tl::unexpected(store.error());
    const auto confirmed = store->confirmed();
    Result<Outcome> outcome = tl::unexpected(confirmed ? Fault{} : confirmed.error());
    {
        Rollout rollout(places);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        if (is_standing(rollout) && !is_remainder(rollout)) return what_stands(rollout);
        if (confirmed && !*confirmed) return std::nullopt;
        if (confirmed) outcome = restore_generation(rollout, *store, (*confirmed)->generation);
    }
    if (!outcome) {  // what that did is undone by now
        Rollout rollout(places);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        if (is_standing(rollout)) return what_stands(rollout, not_restored(outcome.error()));
        outcome = restore_remainder(rollout, *store, outcome.error());
    }
    if (!outcome) return tl::unexpected(outcome.error());
    if (auto whole = is_whole(*outcome); !whole) return tl::unexpected(whole.error());
    return std::optional(std::move(*outcome));
}

}  // namespace pm
