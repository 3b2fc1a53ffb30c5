// SPDX-License-Identifier: Apache-2.0
#include "loader/update/restore.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

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

Result<std::optional<Outcome>> restore(const Paths &paths) {
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    const auto confirmed = store->confirmed();
    Result<Outcome> outcome = tl::unexpected(confirmed ? Fault{} : confirmed.error());
    {
        Rollout rollout(paths);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        if (is_standing(rollout) && !is_remainder(rollout)) return what_stands(rollout);
        if (confirmed && !*confirmed) return std::nullopt;
        if (confirmed) outcome = restore_generation(rollout, *store, (*confirmed)->generation);
    }
    if (!outcome) {  // what that did is undone by now
        Rollout rollout(paths);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        if (is_standing(rollout)) return what_stands(rollout, not_restored(outcome.error()));
        outcome = restore_remainder(rollout, *store, outcome.error());
    }
    if (!outcome) return tl::unexpected(outcome.error());
    if (auto whole = is_whole(*outcome); !whole) return tl::unexpected(whole.error());
    return std::optional(std::move(*outcome));
}

}  // namespace pm
