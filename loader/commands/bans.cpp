// SPDX-License-Identifier: Apache-2.0
// The command bans: who is banned, and for how long.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/update/kept_bans.h"

namespace pm::command {

namespace {

constexpr std::uint64_t second = 1'000'000'000;

struct Bans {
    KeptBans kept;
    std::vector<Ban> longer;  // what is in force longer than the list says
};

Result<Bans> read_all(const Paths &paths) {
    auto now = open_deployment(paths);
    if (!now) return tl::unexpected(now.error());
    const Switch *control = *now ? &(*now)->control : nullptr;
    auto kept = read_kept_bans(paths, control);
    if (!kept) return tl::unexpected(kept.error());
    Bans bans = {.kept = std::move(*kept), .longer = {}};
    if (!control) return bans;
    auto longer = banned_beyond(*control, bans.kept.all());
    if (!longer) return tl::unexpected(longer.error());
    bans.longer = std::move(*longer);
    return bans;
}

std::string end_text(const Ban &ban) {
    return ban.expires ? time_text(*ban.expires * second) : "it is lifted";
}

}  // namespace

int run_bans(const BansArguments &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    const Paths paths = Paths::from_environment();
    auto bans = read_all(paths);
    if (!bans) return end(bans.error());
    std::vector<Ban> others = bans->kept.unlisted;
    others.insert(others.end(), bans->longer.begin(), bans->longer.end());
    for (Ban &one : others) one.created = 0;
    const std::uint64_t now = realtime_ns();
    if (arguments.json) {
        for (const Ban &one : bans->kept.listed) fmt::print("{}", show::ban_json(one, now));
        for (const Ban &one : others) fmt::print("{}", show::ban_json(one, now));
    } else {
        show::Table table({{"PREFIX"}, {"OWNER"}, {"SINCE"}, {"UNTIL"}});
        for (const Ban &one : bans->kept.listed)
            table.add(
                {to_string(one.prefix), one.owner, time_text(one.created * second), end_text(one)});
        for (const Ban &one : others)
            table.add({to_string(one.prefix), one.owner, "not in the list", end_text(one)});
        fmt::print("{}", table.text(0, colour_on(1)));
    }
    if (const std::string text = unlisted_text(bans->kept); !text.empty()) print_note(text);
    if (!bans->longer.empty())
        print_note(
            "warning: more is banned in force than the list says, as the clock was set; "
            "'portmatrix watch' or the next ban, unban or apply goes by the list");
    return end(Exit::done);
}

}  // namespace pm::command
