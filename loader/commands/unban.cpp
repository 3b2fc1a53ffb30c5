// SPDX-License-Identifier: Apache-2.0
// The command unban: takes from the dynamic block list.
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/prefixes.h"
#include "loader/rescue/raise.h"
#include "loader/update/ban.h"

namespace pm::command {

int run_unban(const UnbanArguments &arguments) {
    auto prefixes = read_prefixes(arguments.prefixes, {});
    if (!prefixes) return end_unchanged("unban", prefixes.error());
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("unban", lock.error());
    auto outcome = unban(Paths::from_environment(), *prefixes);
    if (!outcome) return end_unchanged("unban", outcome.error());
    if (auto done = unban_in_parachute(Paths::from_environment()); !done) return end(done.error());
    return end_done("unban", prefixes_text(*prefixes) + " lifted", *outcome);
}

}  // namespace pm::command
