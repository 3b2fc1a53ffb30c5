// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/copy.h"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/parachute/table.h"
#include "loader/rescue/choice.h"
#include "loader/state/ban_list.h"
#include "loader/update/kept_bans.h"

namespace pm {
namespace {

// What a copy is made of, in words.
std::string source_of(const Paths &paths, const parachute::Note &note) {
    return fmt::format("{} {}", note.since, version_of_bans(paths));
}

}  // namespace

Done let_go_of_parachute(const Paths &paths) {
    return let_go(parachute::copy_file(paths));
}

ParachuteCopy::ParachuteCopy(Paths paths)
    : paths_(std::move(paths)), table_(parachute::copy_file(paths_)) {}

Done ParachuteCopy::make(const parachute::Note &note) {
    auto loaded = parachute_of(paths_, note.generation);
    if (!loaded) return tl::unexpected(loaded.error());
    const auto bans = read_kept_bans(paths_);
    if (!bans && note.generation) return tl::unexpected(bans.error());
    const parachute::Devices devices = {.open = note.open, .zones = note.zones};
    return table_.hold([&](const std::string &name) {
        return parachute::copy_text(name, loaded->rendering.commands, devices,
                                    bans ? bans->all() : std::vector<Ban>(), realtime_ns());
    });
}

std::string ParachuteCopy::tell(const std::string &problem) {
    return problem == std::exchange(reported_, problem) ? "" : problem;
}

std::string ParachuteCopy::keep_of(const parachute::Note &note) {
    const std::string source = source_of(paths_, note);
    if (table_.is_held() && source_ == source) {
        made_.succeeded();
        return tell("");
    }
    if (!made_.is_due(source)) return {};
    made_.failed(source);  // unless the next look finds it
    source_ = source;
    const Done made = make(note);
    if (made) return tell("");
    (void)let_go_of_parachute(paths_);  // the one before drops what is permitted now
    return tell("a flush of nftables by others opens the host for a moment: " +
                made.error().message);
}

std::string ParachuteCopy::keep() {
    const std::optional<parachute::Note> note = parachute::read_note(paths_);
    const bool is_unread = note && note->since == 0;
    if (is_unread) return {};
    if (note) return keep_of(*note);
    (void)table_.is_held();  // waits for a process that has ended
    const Done gone = let_go_of_parachute(paths_);
    return tell(gone ? "" : gone.error().message);
}

}  // namespace pm
