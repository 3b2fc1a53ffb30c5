// SPDX-License-Identifier: Apache-2.0
// The command ban: adds to the dynamic block list.
#include "loader/update/ban.h"

#include <optional>
#include <string>
#include <vector>

#include "loader/base/duration.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/prefixes.h"
#include "loader/rescue/raise.h"

namespace pm::command {

namespace {

// fail2ban writes -1 for a ban without end, and its action adds the unit.
bool is_for_ever(const std::string &duration) {
    return duration.empty() || duration == "-1" || duration == "-1s";
}

std::string banned_text(const std::vector<Prefix> &prefixes, const BanArguments &arguments,
                        const BanOutcome &outcome) {
    if (outcome.changed == 0) return prefixes_text(prefixes, prefixes.size()) + " banned as before";
    std::string text = prefixes_text(prefixes, outcome.changed) + " banned ";
    text += is_for_ever(arguments.duration) ? "until it is lifted" : "for " + arguments.duration;
    if (arguments.owner != default_owner) text += " by " + arguments.owner;
    return text;
}

}  // namespace

int run_ban(const BanArguments &arguments) {
    auto prefixes = read_prefixes(arguments.prefixes, arguments.file);
    if (!prefixes) return end_unchanged("ban", prefixes.error());
    if (auto valid = check_owner(arguments.owner); !valid)
        return end_unchanged("ban", valid.error());
    if (arguments.owner == unknown_owner)
        return end_unchanged(
            "ban", Fault{.message = "the owner 'unknown' stands for bans whose owner is not known",
                         .hint = "name another owner, or none",
                         .exit = Exit::usage});
    BanRequest request = {.prefixes = *prefixes,
                          .seconds = std::nullopt,
                          .owner = arguments.owner,
                          .force = arguments.force};
    if (!is_for_ever(arguments.duration)) {
        auto seconds = parse_duration(arguments.duration);
        if (!seconds) return end_unchanged("ban", seconds.error());
        request.seconds = *seconds;
    }
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("ban", lock.error());
    auto outcome = ban(Paths::from_environment(), request);
    if (!outcome) return end_unchanged("ban", outcome.error());
    if (auto done = ban_in_parachute(Paths::from_environment()); !done) return end(done.error());
    return end_done("ban", banned_text(*prefixes, arguments, *outcome), *outcome);
}

}  // namespace pm::command
