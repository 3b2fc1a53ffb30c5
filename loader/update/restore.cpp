// SPDX-License-Identifier: Apache-2.0
#include "loader/update/restore.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/takeover.h"
#include "loader/state/store.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"
#include "loader/update/test_packets.h"
#include "loader/update/watch.h"

namespace pm {
namespace {

std::string not_restored(const Fault &why) {
    return fmt::format("the confirmed policy cannot be put in force: {}", why.message);
}

// What an earlier restore put in force instead of a generation. No generation has the number 0.
bool is_failsafe_only(const Rollout &rollout) {
    return rollout.in_force_before().catalog.generation == 0;
}

Result<std::optional<Outcome>> outcome_in_force(const Rollout &rollout,
                                                const std::string &note = {}) {
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    Outcome now = outcome_now(*interfaces, rollout);
    now.changed = false;
    if (!note.empty()) now.notes.push_back(note);
    return std::optional(std::move(now));
}

// What a look of `watch` would do.
Result<std::optional<Outcome>> attach_what_has_come(const Paths &paths,
                                                    const std::string &note = {}) {
    auto replaced = finish_taking_over(paths);
    if (!replaced) return tl::unexpected(replaced.error());
    Watcher watcher(paths);
    std::vector<std::string> done = watcher.look_under_lock();
    done.insert(done.begin(), replaced->begin(), replaced->end());
    Rollout rollout(paths);
    if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
    auto outcome = outcome_in_force(rollout, note);
    if (outcome) (*outcome)->notes.insert((*outcome)->notes.end(), done.begin(), done.end());
    return outcome;
}

Result<Outcome> restore_generation(const Paths &paths, Rollout &rollout, const Store &store,
                                   std::uint64_t number, const std::vector<std::string> &detached) {
    auto generation = store.generation(number);
    if (!generation) return tl::unexpected(generation.error());
    auto targets =
        known_targets(rollout.pins(), known_nics(*generation, detached), Extent::where_possible);
    if (!targets) return tl::unexpected(targets.error());
    Told told = told_of(targets->targets);
    const bool closes = generation->mode == PM_MODE_ENFORCE;
    for (const Device &one : closes ? targets->without_number : std::vector<Device>())
        told.closed.push_back(
            fmt::format("{} can be given no programs: closed with nftables", one.name));
    auto stored =
        stored_candidate(store, *generation, std::move(*targets), rollout, Extent::where_possible);
    if (!stored) return tl::unexpected(stored.error());
    std::vector<std::string> &not_attached = stored->not_attached;
    if (stored->candidate.targets.empty())
        return fault(
            fmt::format("no interface can be filtered: {}", fmt::join(not_attached, "; ")));
    if (auto done = rollout.prepare(std::move(stored->candidate)); !done)
        return tl::unexpected(done.error());
    not_attached.insert(not_attached.end(), rollout.not_attached().begin(),
                        rollout.not_attached().end());
    if (auto done = run_test_packets(paths, rollout, test_packets_of_image(rollout)); !done)
        return tl::unexpected(done.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = rollout.commit({.mode = generation->mode}); !done)
        return tl::unexpected(done.error());
    remember_nics(store, *generation, rollout.targets());
    stored->notes.insert(stored->notes.end(), told.notes.begin(), told.notes.end());
    Outcome outcome = outcome_now(*interfaces, rollout, std::move(stored->notes));
    outcome.absent = std::move(told.absent);
    outcome.closed = std::move(told.closed);
    outcome.not_attached = std::move(not_attached);
    outcome.unread_bans = rollout.unread_bans();
    return outcome;
}

// A fault if an interface or the bans of the generation are missing, or something is closed.
Done check_complete(const Outcome &outcome) {
    std::vector<std::string> lacks = outcome.absent, remedies;
    if (!outcome.absent.empty())
        remedies.emplace_back(
            "'portmatrix watch' attaches to what is absent as soon as it is there");
    if (!outcome.closed.empty()) {
        lacks.insert(lacks.end(), outcome.closed.begin(), outcome.closed.end());
        remedies.emplace_back("'portmatrix apply' opens what is closed");
    }
    if (!outcome.not_attached.empty()) {
        lacks.push_back(
            fmt::format("not on every interface: {}", fmt::join(outcome.not_attached, "; ")));
        remedies.emplace_back("'portmatrix watch' attaches to the rest as soon as it can");
    }
    if (!outcome.unread_bans.empty()) {
        lacks.push_back("without any ban, as they cannot be read: " + outcome.unread_bans);
        remedies.emplace_back("mend or remove the file, then 'portmatrix apply' reads the bans");
    }
    if (lacks.empty()) return {};
    const std::string places = outcome.interfaces.empty()
                                   ? "on no interface"
                                   : fmt::format("on {}", fmt::join(outcome.interfaces, ", "));
    return fault(fmt::format("generation {} is in force {}, and {}", outcome.generation, places,
                             fmt::join(lacks, "; and ")),
                 fmt::format("{}", fmt::join(remedies, "; ")));
}

// Puts the failsafe rows in force. Returns the fault that says so, or that it failed.
Fault restore_failsafe_only(Rollout &rollout, const Store &store,
                            const std::vector<std::string> &detached, const Fault &why) {
    auto failsafe = failsafe_candidate(store, rollout, detached);
    if (!failsafe) return failsafe.error();
    // On no interface it would look like a firewall, and filter nothing.
    if (failsafe->candidate.targets.empty())
        return {.message = fmt::format("nothing can be put in force: {}", why.message), .hint = {}};
    if (auto done = rollout.prepare(std::move(failsafe->candidate)); !done) return done.error();
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return interfaces.error();
    if (auto done = rollout.commit({.mode = PM_MODE_ENFORCE}); !done) return done.error();
    const std::string rows =
        failsafe->generation
            ? fmt::format("the failsafe rows of generation {}", failsafe->generation)
            : "no row";
    const std::string bans =
        rollout.unread_bans().empty()
            ? ""
            : ", without any ban, as they cannot be read: " + rollout.unread_bans();
    return {.message =
                fmt::format("{}; in force are the essentials and {} {}{}", not_restored(why), rows,
                            places_text(outcome_now(*interfaces, *rollout.control())), bans),
            .hint = "try again: portmatrix restore; or apply a policy: portmatrix apply POLICY"};
}

}  // namespace

Result<std::optional<Outcome>> restore(const Paths &paths,
                                       const std::vector<std::string> &detached) {
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    const auto confirmed = store->confirmed();
    Fault why;  // why the confirmed generation is not in force
    {
        Rollout rollout(paths);
        if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
        if (rollout.has_policy_in_force() && !is_failsafe_only(rollout))
            return attach_what_has_come(paths);
        if (confirmed && !*confirmed) return std::nullopt;
        auto outcome = confirmed.and_then([&](const std::optional<Confirmed> &one) {
            return restore_generation(paths, rollout, *store, one->generation, detached);
        });
        if (outcome)
            return check_complete(*outcome).map([&] { return std::optional(std::move(*outcome)); });
        why = outcome.error();
    }  // what this rollout prepared is undone here
    // What a newer release has attached is better than failsafe rows alone.
    if (auto newer = newer_build(paths); paths.leaves_newer && (!newer || *newer))
        return fault(not_restored(why),
                     "what is attached goes on filtering, with its flows and counters" +
                         (why.hint.empty() ? "" : "; " + why.hint),
                     Exit::refused);
    Rollout rollout(paths);
    if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
    if (rollout.has_policy_in_force()) return attach_what_has_come(paths, not_restored(why));
    return tl::unexpected(restore_failsafe_only(rollout, *store, detached, why));
}

}  // namespace pm
