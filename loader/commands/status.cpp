// SPDX-License-Identifier: Apache-2.0
// The command status: what is attached and in force, with counters.
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/attach/takeover.h"
#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/nic_notes.h"
#include "loader/host/device.h"
#include "loader/kernel/banned_now.h"
#include "loader/observe/snapshot.h"
#include "loader/parachute/note.h"
#include "loader/show/parachute.h"
#include "loader/show/show.h"
#include "loader/state/drift.h"
#include "loader/update/kept_bans.h"

namespace pm::command {
namespace {

// Prints what the parachute filters. Returns the interfaces that it was loaded for.
std::vector<std::string> print_parachute(const StatusArguments &arguments) {
    const Paths paths = Paths::from_environment();
    auto note = parachute::read_note(paths);
    if (!note) return {};
    if (!arguments.interfaces.empty())
        std::erase_if(note->interfaces, [&](const std::string &name) {
            return std::ranges::find(arguments.interfaces, name) == arguments.interfaces.end();
        });
    const auto state =
        parachute::is_filtering(paths) ? show::ParachuteTable::loaded : show::ParachuteTable::gone;
    fmt::print("{}", arguments.json ? show::parachute_json(*note, state)
                                    : show::parachute_text(*note, state));
    return note->interfaces;
}

// `control`: the programs that are in force; null: none are.
void print_status(const Snapshot &snapshot, const StatusArguments &arguments,
                  const Switch *control) {
    const show::StatusView view = {.colour = colour_on(STDOUT_FILENO),
                                   .whole = arguments.all || !arguments.row.empty(),
                                   .row = arguments.row,
                                   .host = host_name(),
                                   .now = realtime_ns(),
                                   .banned = control ? banned_now(*control).size() : 0};
    fmt::print("{}",
               arguments.json ? show::status_json(snapshot) : show::status_text(snapshot, view));
}

// Where a row was asked for there must be one; JSON has this one alone.
Done select_row(const StatusArguments &arguments, Snapshot &snapshot) {
    const std::string &id = arguments.row;
    if (id.empty()) return {};
    std::vector<std::string> ids;
    for (InterfaceStatus &one : snapshot.interfaces) {
        for (const RowStatus &row : one.rows) ids.push_back(row.row.id);
        if (arguments.json)
            std::erase_if(one.rows, [&](const RowStatus &row) { return row.row.id != id; });
    }
    if (std::ranges::find(ids, id) != ids.end()) return {};
    return fault(fmt::format("the policy in force has no row '{}'", id), did_you_mean(id, ids),
                 Exit::usage);
}

bool is_called(const InterfaceStatus &one, const std::string &name) {
    return one.name == name || one.renamed == name;
}

// Those with these names, or whose devices have them now: each once, in this order. None: all.
Done select(const std::vector<std::string> &names, std::vector<InterfaceStatus> &interfaces) {
    std::vector<InterfaceStatus> selected;
    for (const std::string &name : names) {
        const auto device = find_device(name);
        auto found = std::ranges::find(interfaces, name, &InterfaceStatus::name);
        if (found == interfaces.end() && device)
            found = std::ranges::find_if(interfaces, [&](const InterfaceStatus &one) {
                return is_called(one, device->name);
            });
        if (found == interfaces.end())
            return fault(fmt::format("nothing is attached to '{}'", name),
                         "see 'portmatrix status' for what is attached", Exit::usage);
        if (std::ranges::find(selected, found->name, &InterfaceStatus::name) == selected.end())
            selected.push_back(*found);
    }
    if (!names.empty()) interfaces = std::move(selected);
    return {};
}

// Nothing is attached. If something should be, that is said.
// True: programs of ours filter that have no pins here, and it is said.
bool print_own_programs() {
    const std::string own = own_programs_text();
    if (!own.empty()) print_note(own + ": 'portmatrix restore' takes them over");
    return !own.empty();
}

int end_unfiltered(const StatusArguments &arguments) {
    Snapshot snapshot;
    snapshot.interfaces = confirmed_interfaces();
    if (auto selected = select(arguments.interfaces, snapshot.interfaces); !selected) {
        selected.error().hint.clear();
        return end(selected.error());
    }
    print_status(snapshot, arguments, nullptr);
    if (print_own_programs()) return end(Exit::done);
    if (snapshot.interfaces.empty())
        print_note("no policy is in force; nothing is filtered");
    else
        print_note(
            fmt::format("no policy is in force; nothing is filtered. Generation {} was "
                        "confirmed: put it in force with 'portmatrix restore'",
                        snapshot.interfaces[0].confirmed));
    return end(Exit::done);
}

// Whoever was to take over programs that others had left was killed before the switch.
void print_left(const Snapshot &snapshot) {
    if (snapshot.in_force.mode != PM_MODE_OFF) return;
    const auto left = left_links(Paths::from_environment());
    if (left && !left->empty()) print_own_programs();
}

// `control`: the programs that are in force; null: none are.
void print_lost_bans(const Switch *control) {
    const auto kept = read_kept_bans(Paths::from_environment(), control);
    if (!kept)
        print_note("warning: the bans cannot be read: " + with_hint(kept.error()));
    else if (!kept->unlisted.empty())
        print_note(fmt::format("warning: {}: {}", unlisted_warning(*kept), unlisted_remedy));
}

}  // namespace

int run_status(const StatusArguments &arguments) {
    auto deployment = open_as_root();
    const bool has_note = parachute::read_note(Paths::from_environment()).has_value();
    const std::vector<std::string> instead = print_parachute(arguments);
    if (!deployment) return end(deployment.error());
    print_lost_bans(*deployment ? &(*deployment)->control : nullptr);
    if (!*deployment) return has_note ? end(Exit::done) : end_unfiltered(arguments);
    auto snapshot = read_snapshot(**deployment, {});
    if (!snapshot) return end(snapshot.error());
    if (snapshot->interfaces.empty()) return has_note ? end(Exit::done) : end_unfiltered(arguments);
    snapshot->policy_drifted = policy_file_differs(snapshot->in_force.catalog);
    add_nic_notes(**deployment, *snapshot);
    const auto is_printed = [&](const std::string &name) {
        return std::ranges::find(instead, name) != instead.end();
    };
    std::erase_if(snapshot->interfaces,
                  [&](const InterfaceStatus &one) { return is_printed(one.name); });
    std::vector<std::string> wanted = arguments.interfaces;
    std::erase_if(wanted, is_printed);
    if (wanted.empty() && !arguments.interfaces.empty()) return end(Exit::done);
    if (auto selected = select(wanted, snapshot->interfaces); !selected)
        return end(selected.error());
    if (auto selected = select_row(arguments, *snapshot); !selected) return end(selected.error());
    print_status(*snapshot, arguments, &(*deployment)->control);
    print_left(*snapshot);
    return end(Exit::done);
}

}  // namespace pm::command
