// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/copy.h"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/parachute/render.h"
#include "loader/parachute/store.h"
#include "loader/parachute/table.h"
#include "loader/state/ban_list.h"

namespace pm {
namespace {

// A parachute is stored soon after it was loaded, if it was not before.
Result<std::string> commands_of(const Paths &paths, std::uint64_t generation) {
    if (generation == 0) return parachute::render_closed().commands;
    auto stored = parachute::read_stored(paths);
    if (!stored) return tl::unexpected(stored.error());
    if (!*stored || (*stored)->generation != generation)
        return fault(fmt::format("that of generation {} is not stored", generation));
    return std::move((*stored)->rendering.commands);
}

}  // namespace

Done let_go_of_parachute(const Paths &paths) {
    return let_go(parachute::copy_file(paths));
}

ParachuteCopy::ParachuteCopy(Paths paths)
    : paths_(std::move(paths)), table_(parachute::copy_file(paths_)) {}

Done ParachuteCopy::make(const parachute::Note &note) {
    auto commands = commands_of(paths_, note.generation);
    if (!commands) return tl::unexpected(commands.error());
    auto bans = read_bans(paths_);
    if (!bans) return tl::unexpected(bans.error());
    const parachute::Devices devices = {.open = note.open, .zones = note.zones};
    return table_.hold([&](const std::string &name) {
        return parachute::copy_text(name, *commands, devices, *bans, realtime_seconds());
    });
}

std::optional<std::string> ParachuteCopy::keep() {
    const std::optional<parachute::Note> note = parachute::read_note(paths_);
    if (!note) {
        since_ = 0;
        auto gone = let_go_of_parachute(paths_);
        return gone ? std::nullopt : std::optional(gone.error().message);
    }
    const bool is_unread = note->since == 0;
    const bool is_there = table_.is_held() && since_ == note->since;
    if (is_unread || is_there || !made_.is_due(fmt::format("{}", note->since))) return std::nullopt;
    const Done made = make(*note);
    if (made) {
        since_ = note->since;
        made_.succeeded();
        reported_.clear();
        return std::nullopt;
    }
    made_.failed(fmt::format("{}", note->since));
    if (std::exchange(reported_, made.error().message) == made.error().message) return std::nullopt;
    return "whoever flushes nftables opens the host until watch has loaded the parachute again: " +
           reported_;
}

}  // namespace pm
