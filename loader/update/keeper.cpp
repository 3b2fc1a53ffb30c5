// SPDX-License-Identifier: Apache-2.0
#include "loader/update/keeper.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/layout_takeover.h"
#include "loader/attach/takeover.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"
#include "loader/state/history.h"
#include "loader/state/store.h"
#include "loader/update/restore.h"

namespace pm {
namespace {

enum class Filtering { nothing, failsafe_rows, policy };

// By the pins. A fault: that cannot be told.
Result<Filtering> filtering_now(const Paths &paths) {
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins) return Filtering::nothing;
    return Switch::open((*pins)->maps(), Access::read).map([](const Switch &control) {
        const pm_record record = control.state().record;
        if (record.mode == PM_MODE_OFF) return Filtering::nothing;
        return pm_field(control.image(record.image), pm_image, generation) == 0
                   ? Filtering::failsafe_rows
                   : Filtering::policy;
    });
}

// The list of what was detached, without the interfaces that the policy holds on: a `detach` was
// killed before it began, or an `apply` before it ended. Nothing: there is nothing to correct.
std::optional<Detached> corrected(const Paths &paths, const Detached &detached) {
    auto pins = Pins::open(paths);
    if (!pins || !*pins) return std::nullopt;
    auto control = Switch::open((*pins)->maps(), Access::read);
    auto interfaces = (*pins)->interfaces();
    if (!control || !interfaces) return std::nullopt;
    const Switch::State state = control->state();
    if (state.pending || state.record.mode == PM_MODE_OFF) return std::nullopt;
    Detached right = {.all = false, .names = detached.names};
    for (const Pins::Interface &one : *interfaces)
        if (holds_on(state.record, one.number)) std::erase(right.names, one.name());
    if (right.all == detached.all && right.names == detached.names) return std::nullopt;
    return right;
}

// Was anything ever confirmed? What cannot be read may say so.
bool has_confirmed(const Paths &paths) {
    auto store = Store::open(paths);
    if (!store) return true;
    const auto confirmed = store->confirmed();
    return !confirmed || *confirmed;
}

std::string again_text(const std::vector<std::string> &missing, std::size_t held) {
    const std::string which =
        missing.size() == held ? "" : fmt::format(" {}", fmt::join(missing, ", "));
    return fmt::format("the pins{} had been removed by others, and are there again", which);
}

void report_held(const std::string &what, const Fault &why, KeeperReport &report) {
    report.is_held = true;
    report.problems.push_back(fmt::format(
        "{}: {}; what is in force stays while 'portmatrix watch' runs", what, why.message));
}

void record_restored(const Paths &paths, const Outcome &outcome, const std::string &text) {
    HistoryEntry entry;
    entry.user = "-";
    entry.action = "restore";
    entry.generation = outcome.generation;
    entry.sha256 = outcome.sha256;
    entry.outcome = "done";
    entry.message = text;
    record(paths, entry);
}

}  // namespace

void Keeper::keep_pins(KeeperReport &report) {
    auto detached = read_detached(paths_);
    if (!detached) {
        report.is_held = !held_.empty();
        return report.problems.push_back(detached.error().message);
    }
    if (auto right = corrected(paths_, *detached)) {
        detached = std::move(*right);
        if (auto done = write_detached(paths_, *detached); !done)
            report.problems.push_back(done.error().message);
    }
    detached_ = detached->names;
    if (!held_.empty() && !held_.in_force()) held_.release();
    if (held_.empty()) return;

    auto missing = held_.missing(paths_, detached->names);
    if (!missing) return report_held("the pins cannot be read", missing.error(), report);
    if (missing->empty()) return;
    if (detached->all) return held_.release();
    if (auto again = held_.pin_again(paths_, *missing); !again)
        return report_held("pins were removed by others, and cannot be made again", again.error(),
                           report);
    report.done.push_back(again_text(*missing, held_.size()));
}

void Keeper::restore_lost(KeeperReport &report) {
    const auto detached = read_detached(paths_);
    const auto in_force = filtering_now(paths_);
    if (!detached || !in_force) return;  // keep_pins() or who looks at the interfaces says why
    if (*in_force == Filtering::policy || detached->all || !has_confirmed(paths_)) {
        restored_.succeeded();
        return;
    }
    if (!restored_.is_due()) return report.problems.push_back(not_restored_);
    auto outcome = restore(paths_, detached->names);
    if (outcome && !*outcome) return;
    if (outcome && (*outcome)->generation == 0) return report_failsafe(**outcome, report);
    if (outcome) {
        const std::string text = fmt::format(
            "{}: generation {} ({}) is in force again on {}",
            *in_force == Filtering::nothing ? "nothing was in force"
                                            : "failsafe rows were in force",
            (*outcome)->generation, (*outcome)->policy, fmt::join((*outcome)->interfaces, ", "));
        record_restored(paths_, **outcome, text);
        report.told.push_back(text);
        for (const std::string &note : (*outcome)->notes) report.told.push_back(note);
        return;
    }
    report_not_restored(fmt::format("the confirmed policy was not in force, and restore says: {}",
                                    outcome.error().message),
                        report);
}

void Keeper::report_not_restored(std::string text, KeeperReport &report) {
    not_restored_ = std::move(text);
    report.problems.push_back(not_restored_);
    restored_.failed();
}

// An earlier restore has put failsafe rows in force, and they stay.
void Keeper::report_failsafe(const Outcome &outcome, KeeperReport &report) {
    std::string text = "essentials and failsafe rows alone are in force";
    if (!outcome.notes.empty()) text += ": " + outcome.notes.front();
    report_not_restored(std::move(text), report);
}

// Links that were left are taken over by a Rollout; this ends what a killed one began.
void Keeper::end_takeover(KeeperReport &report) {
    auto done = finish_taking_over(paths_);
    if (!done) return report.problems.push_back(done.error().message);
    report.done.insert(report.done.end(), done->begin(), done->end());
}

// Each try loads programs, which takes seconds.
void Keeper::take_over_older(KeeperReport &report) {
    if (taken_over_.is_due()) {
        auto taken = take_over_layout(paths_);
        if (taken) {
            taken_over_.succeeded();
            if (!taken->empty()) report.done.push_back(*taken);
            return;
        }
        not_taken_over_ = with_hint(taken.error());
        taken_over_.failed();
    }
    report.is_older = true;
    report.problems.push_back(not_taken_over_);
}

KeeperReport Keeper::look_at_pins() {
    KeeperReport report;
    keep_pins(report);
    return report;
}

// Pins come first: a takeover needs all of them.
KeeperReport Keeper::look() {
    KeeperReport report = look_at_pins();
    if (report.is_held) return report;
    take_over_older(report);
    if (report.is_older) return report;
    restore_lost(report);
    end_takeover(report);
    return report;
}

Done Keeper::hold() {
    return held_.take(paths_, detached_);
}

}  // namespace pm
