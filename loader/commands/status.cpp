// SPDX-License-Identifier: Apache-2.0
// The command status: what is attached and in force, with counters.
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/host/nft_tables.h"
#include "loader/observe/snapshot.h"
#include "loader/parachute/note.h"
#include "loader/parachute/render.h"
#include "loader/show/parachute.h"
#include "loader/show/show.h"
#include "loader/state/drift.h"

namespace pm::command {
namespace {

// Prints what the parachute filters. Returns the interfaces that it was loaded for.
std::vector<std::string> print_parachute(const StatusArguments &arguments) {
    auto note = parachute::read_note(Paths::from_environment());
    if (!note) return {};
    if (!arguments.interfaces.empty())
        std::erase_if(note->interfaces, [&](const std::string &name) {
            return std::ranges::find(arguments.interfaces, name) == arguments.interfaces.end();
        });
    const auto state = has_nft_table(parachute::table_name).value_or(false)
                           ? show::ParachuteTable::loaded
                           : show::ParachuteTable::gone;
    fmt::print("{}", arguments.json ? show::parachute_json(*note, state)
                                    : show::parachute_text(*note, state));
    return note->interfaces;
}

}  // namespace

int run_status(const StatusArguments &arguments) {
    auto deployment = open_as_root();
    const bool has_note = parachute::read_note(Paths::from_environment()).has_value();
    const std::vector<std::string> instead = print_parachute(arguments);
    if (!deployment) return end(deployment.error());
    if (!*deployment) {
        if (has_note) return end(Exit::done);
        if (!arguments.interfaces.empty())
            return end(Fault{fmt::format("nothing is attached to '{}'", arguments.interfaces[0]),
                             {},
                             Exit::usage});
        print_note("no policy is in force; nothing is filtered");
        return end(Exit::done);
    }
    auto snapshot = read_snapshot(**deployment, arguments.interfaces);
    if (!snapshot) return end(snapshot.error());
    std::erase_if(snapshot->interfaces, [&](const InterfaceStatus &one) {
        return std::ranges::find(instead, one.name) != instead.end();
    });
    snapshot->policy_drifted = policy_file_differs(snapshot->in_force.catalog);
    fmt::print("{}", arguments.json ? show::status_json(*snapshot)
                                    : show::status_text(*snapshot, colour_on(STDOUT_FILENO)));
    return end(Exit::done);
}

}  // namespace pm::command
