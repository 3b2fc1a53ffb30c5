// SPDX-License-Identifier: Apache-2.0
// The command status: what is attached and in force, with counters.
#include <unistd.h>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/observe/snapshot.h"
#include "loader/show/show.h"
#include "loader/state/drift.h"

namespace pm::command {

int run_status(const StatusArguments &arguments) {
    auto deployment = open_as_root();
    if (!deployment) return end(deployment.error());
    if (!*deployment) {
        if (!arguments.interfaces.empty())
            return end(Fault{fmt::format("nothing is attached to '{}'", arguments.interfaces[0]),
                             {},
                             Exit::usage});
        print_note("no policy is in force; nothing is filtered");
        return end(Exit::done);
    }
    auto snapshot = read_snapshot(**deployment, arguments.interfaces);
    if (!snapshot) return end(snapshot.error());
    snapshot->policy_drifted = policy_file_differs(snapshot->in_force.catalog);
    fmt::print("{}", arguments.json ? show::status_json(*snapshot)
                                    : show::status_text(*snapshot, colour_on(STDOUT_FILENO)));
    return end(Exit::done);
}

}  // namespace pm::command
