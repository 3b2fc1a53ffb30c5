// SPDX-License-Identifier: Apache-2.0
// The command ban: adds to the dynamic block list.
#include "loader/update/ban.h"

#include <optional>
#include <string>

#include "loader/base/duration.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/prefixes.h"
#include "loader/rescue/raise.h"

namespace pm::command {

int run_ban(const BanArguments &arguments) {
    auto prefixes = read_prefixes(arguments.prefixes, arguments.file);
    if (!prefixes) return end_unchanged("ban", prefixes.error());
    BanRequest request = {.prefixes = *prefixes, .seconds = std::nullopt, .force = arguments.force};
    if (!arguments.duration.empty()) {
        auto seconds = parse_duration(arguments.duration);
        if (!seconds) return end_unchanged("ban", seconds.error());
        request.seconds = *seconds;
    }
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("ban", lock.error());
    auto outcome = ban(Paths::from_environment(), request);
    if (!outcome) return end_unchanged("ban", outcome.error());
    if (auto done = ban_in_parachute(Paths::from_environment()); !done) return end(done.error());
    return end_done("ban",
                    prefixes_text(*prefixes) + " banned " +
                        (request.seconds ? "for " + arguments.duration : "until it is lifted"),
                    *outcome);
}

}  // namespace pm::command
