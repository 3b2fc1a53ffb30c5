// SPDX-License-Identifier: Apache-2.0
// The command bans: who is banned, and for how long.
#include <cstdint>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/ban_list.h"

namespace pm::command {

int run_bans(const BansArguments &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    auto bans = read_bans(Paths::from_environment());
    if (!bans) return end(bans.error());
    const std::uint64_t now = realtime_seconds();
    if (arguments.json) {
        for (const Ban &one : *bans) fmt::print("{}", show::ban_json(one, now));
        return end(Exit::done);
    }
    show::Table table({{"PREFIX"}, {"SINCE"}, {"UNTIL"}});
    for (const Ban &one : *bans)
        table.add({to_string(one.prefix), time_text(one.created * 1'000'000'000),
                   one.expires ? time_text(*one.expires * 1'000'000'000) : "it is lifted"});
    fmt::print("{}", table.text(0, colour_on(1)));
    return end(Exit::done);
}

}  // namespace pm::command
