// SPDX-License-Identifier: Apache-2.0
// The command unban: takes from the dynamic block list.
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/prefixes.h"
#include "loader/rescue/raise.h"
#include "loader/show/table.h"
#include "loader/update/ban.h"
#include "policy/base/text.h"

namespace pm::command {

namespace {

std::string lifted_text(const std::string &what, const BanOutcome &outcome) {
    if (outcome.changed == 0) return "nothing was banned, and nothing is lifted";
    return fmt::format("{} lifted (banned by {})", what, joined(outcome.owners));
}

int end_lifted(const UnbanArguments &arguments, const std::vector<Prefix> &prefixes,
               const BanOutcome &outcome) {
    if (auto done = unban_in_parachute(Paths::from_environment()); !done) return end(done.error());
    const std::string what = arguments.all ? show::plural(outcome.changed, "ban")
                                           : prefixes_text(prefixes, outcome.changed);
    return end_done("unban", lifted_text(what, outcome), outcome);
}

}  // namespace

int run_unban(const UnbanArguments &arguments) {
    auto prefixes = arguments.all ? Result<std::vector<Prefix>>()
                                  : read_prefixes(arguments.prefixes, arguments.file);
    if (!prefixes) return end_unchanged("unban", prefixes.error());
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("unban", lock.error());
    if (auto valid = check_owner(arguments.owner); !arguments.owner.empty() && !valid)
        return end_unchanged("unban", valid.error());
    const Paths paths = Paths::from_environment();
    auto outcome = arguments.all ? unban_all(paths, arguments.owner)
                                 : unban(paths, *prefixes, arguments.owner);
    if (!outcome) return end_unchanged("unban", outcome.error());
    return end_lifted(arguments, *prefixes, *outcome);
}

}  // namespace pm::command
