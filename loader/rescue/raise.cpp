// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/raise.h"

#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/clock.h"
#include "loader/host/nft_tables.h"
#include "loader/parachute/note.h"
#include "loader/parachute/render.h"
#include "loader/parachute/store.h"
#include "loader/parachute/table.h"
#include "loader/rescue/choice.h"
#include "loader/rescue/copy.h"
#include "loader/rescue/devices.h"
#include "loader/state/ban_list.h"
#include "loader/state/history.h"
#include "loader/state/store.h"
#include "loader/update/kept_bans.h"
#include "loader/update/stored_candidate.h"

namespace pm {
namespace {

using parachute::Note;

void record_parachute(const Paths &paths, const Note &note, const char *outcome,
                      const std::string &message) {
    HistoryEntry entry;
    entry.action = "parachute";
    entry.generation = note.generation;
    entry.sha256 = note.sha256;
    entry.outcome = outcome;
    entry.message = message;
    record(paths, std::move(entry));
}

// Where the kernel does not say, it is not there.
bool is_there() {
    return has_nft_table(parachute::table_name).value_or(false);
}

// Nothing: none was ever confirmed. A fault: it cannot be read.
Result<std::optional<Generation>> confirmed_generation(const Paths &paths) {
    return Store::open(paths).and_then([](const Store &s) { return s.confirmed_generation(); });
}

// Its generation in words.
std::string name_of(const Note &note) {
    return note.generation ? fmt::format("the parachute of generation {}", note.generation)
                           : std::string("a parachute of the essentials alone");
}

// Loads it, falling back to what needs less, and writes the note.
Result<Note> load(const Paths &paths, const Generation *confirmed, const Coverage &coverage,
                  const std::string &why) {
    auto [chosen, fallback] = choose_parachute(paths, confirmed);
    const Generation generation = confirmed ? *confirmed : Generation();
    parachute::Devices devices;
    const auto bans = read_kept_bans(paths);  // the table that holds some may be replaced
    auto load_one = [&] {
        devices = parachute_devices(coverage, generation, chosen.rendering.zones);
        return parachute::load_table(chosen.rendering.commands, devices,
                                     bans ? bans->all() : std::vector<Ban>());
    };
    if (!bans) {  // without them it would pass whom they keep out
        fallback = "the bans cannot be read: " + bans.error().message;
        chosen = closed_parachute();
    }
    auto loaded = load_one();
    if (!loaded && chosen.generation) {
        fallback = fmt::format("that of generation {} does not load: {}", chosen.generation,
                               loaded.error().message);
        chosen = closed_parachute();
        loaded = load_one();
    }
    if (!loaded) return tl::unexpected(loaded.error());
    Note note = {.generation = chosen.generation,
                 .policy = chosen.policy,
                 .sha256 = chosen.sha256,
                 .since = realtime_ns(),
                 .seen = boottime_ns(),
                 .why = why,
                 .fallback = fallback,
                 .wanted = generation.number,
                 .interfaces = coverage.unfiltered,
                 .open = devices.open,
                 .places = chosen.rendering.zones,
                 .zones = devices.zones,
                 .closed = {}};
    for (const parachute::ClosedRow &one : chosen.rendering.closed)
        note.closed.push_back({.row = one.id, .why = one.why});
    if (auto written = parachute::write_note(paths, note); !written)
        return fault(fmt::format("it is loaded into nftables, and nothing else says so: {}",
                                 written.error().message));
    return note;
}

// Was the loaded one made for this policy and these interfaces? Else it is to be loaded anew.
bool fits(const Note &note, const Coverage &coverage, const Generation *confirmed) {
    const parachute::Devices devices =
        parachute_devices(coverage, confirmed ? *confirmed : Generation(), note.places);
    return note.interfaces == coverage.unfiltered && note.open == devices.open &&
           note.zones == devices.zones && (!confirmed || note.wanted == confirmed->number);
}

const Generation *pointer_to(const Result<std::optional<Generation>> &confirmed) {
    return confirmed && *confirmed ? &**confirmed : nullptr;
}

Coverage coverage_of(const Paths &paths, const Generation *confirmed) {
    return find_coverage(paths, confirmed ? *confirmed : Generation());
}

}  // namespace

ParachuteChange raise_parachute(const Paths &paths, const std::string &why) {
    auto confirmed = confirmed_generation(paths);
    if (confirmed && !*confirmed) return std::nullopt;
    const Generation *known = pointer_to(confirmed);
    if (known && known->mode == PM_MODE_AUDIT) return std::nullopt;
    const Coverage coverage = coverage_of(paths, known);
    if (coverage.unfiltered.empty() && coverage.in_force) return std::nullopt;
    const std::optional<Note> before = parachute::read_note(paths);
    if (before && is_there() && fits(*before, coverage, known)) return std::nullopt;
    auto note = load(paths, known, coverage, why);
    if (!note) return tl::unexpected(note.error());
    const std::string text = fmt::format(
        "{} is loaded into nftables{}: {}", name_of(*note),
        note->interfaces.empty() ? "" : fmt::format(" for {}", fmt::join(note->interfaces, ", ")),
        note->fallback.empty() ? why : why + "; " + note->fallback);
    record_parachute(paths, *note, "done", text);
    return text;
}

ParachuteChange keep_parachute(const Paths &paths) {
    const std::optional<Note> before = parachute::read_note(paths);
    if (!before || is_there()) return std::nullopt;
    auto confirmed = confirmed_generation(paths);
    const Generation *known = pointer_to(confirmed);
    auto note = load(paths, known, coverage_of(paths, known), before->why);
    if (!note)
        return fault(fmt::format("{} was removed by others, and cannot be loaded again: {}",
                                 name_of(*before), note.error().message),
                     note.error().hint);
    const std::string text = name_of(*note) + " had been removed by others, and is loaded again";
    record_parachute(paths, *note, "done", text);
    return text;
}

ParachuteChange improve_parachute(const Paths &paths) {
    const std::optional<Note> before = parachute::read_note(paths);
    if (!before || before->fallback.empty()) return std::nullopt;
    auto confirmed = confirmed_generation(paths);
    const Generation *known = pointer_to(confirmed);
    // What cannot be better is not loaded again: that would forget whom its limits have counted.
    if (const auto bans = read_bans(paths); !bans) return tl::unexpected(bans.error());
    if (const Choice choice = choose_parachute(paths, known); !choice.fallback.empty())
        return fault(choice.fallback);
    auto note = load(paths, known, coverage_of(paths, known), before->why);
    if (!note) return tl::unexpected(note.error());
    if (!note->fallback.empty()) return fault(note->fallback);
    const std::string text = name_of(*note) + " is loaded in place of " + name_of(*before);
    record_parachute(paths, *note, "done", text);
    return text;
}

void record_not_loaded(const Paths &paths, const Fault &fault) {
    record_parachute(paths, {}, "failed", fault.message);
}

ParachuteChange drop_parachute(const Paths &paths) {
    const std::optional<Note> note = parachute::read_note(paths);
    if (!note && !is_there()) {
        if (auto gone = let_go_of_parachute(paths); !gone) return tl::unexpected(gone.error());
        return std::nullopt;
    }
    const Done removed = parachute::remove_table()
                             .and_then([&] { return parachute::remove_note(paths); })
                             .and_then([&] { return let_go_of_parachute(paths); });
    if (!removed) return tl::unexpected(removed.error());
    const std::string text = name_of(note.value_or(Note())) + " is removed from nftables";
    record_parachute(paths, note.value_or(Note()), "done", text);
    return text;
}

ParachuteChange lower_parachute(const Paths &paths) {
    if (!parachute::read_note(paths) && !is_there()) return std::nullopt;
    auto confirmed = confirmed_generation(paths);
    if (!confirmed) return std::nullopt;
    const Coverage coverage = coverage_of(paths, pointer_to(confirmed));
    if (!coverage.in_force || !coverage.unfiltered.empty()) return std::nullopt;
    return drop_parachute(paths);
}

bool is_parachute_loaded(const Paths &paths) {
    return parachute::read_note(paths) && is_there();
}

Done note_that_it_is_there(const Paths &paths) {
    std::optional<Note> note = parachute::read_note(paths);
    if (!note || !is_there()) return {};
    note->seen = boottime_ns();
    return parachute::write_note(paths, *note);
}

bool has_parachute_table() {
    return is_there();
}

ParachuteChange adjust_parachute(const Paths &paths) {
    const std::optional<Note> note = parachute::read_note(paths);
    if (!note) return std::nullopt;
    auto lowered = lower_parachute(paths);
    if (!lowered || *lowered) return lowered;
    auto raised = raise_parachute(paths, note->why);
    if (!raised || !*raised) return raised;
    // The copy filters what the new one leaves alone.
    return let_go_of_parachute(paths).map([&] { return *raised; });
}

Done ban_in_parachute(const Paths &paths) {
    if (!is_there()) return {};
    return read_bans(paths).and_then(parachute::replace_bans);
}

Done unban_in_parachute(const Paths &paths) {
    return ban_in_parachute(paths).and_then([&] { return let_go_of_parachute(paths); });
}

}  // namespace pm
