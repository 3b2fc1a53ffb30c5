// SPDX-License-Identifier: Apache-2.0
// The command restore: what boot runs.
#include "loader/update/restore.h"

#include <filesystem>
#include <optional>

#include <fmt/core.h>

#include "loader/attach/layout_takeover.h"
#include "loader/attach/takeover.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/service_policy.h"
#include "loader/kernel/pins.h"
#include "loader/rescue/raise.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"

namespace pm::command {
namespace {

// If they are: a downgrade that fails early changes nothing.
void note_given_up(const Paths &paths, const std::optional<pm_build> &newer) {
    if (!newer) return;
    const auto still = newer_build(paths);
    if (!still || *still) return;
    const std::string whose = newer->release[0] != 0 ? fmt::format("release {}", newer->release)
                                                     : fmt::format("layout {}", newer->abi);
    print_note(fmt::format("flows and counters of {} are given up", whose));
}

Fault is_of_newer_release(const pm_build &build) {
    const std::string release =
        build.release[0] != 0 ? fmt::format("{}, ", build.release) : std::string();
    return {fmt::format("what is attached is of a newer release ({}layout {}; this one has {})",
                        release, build.abi, PM_ABI_VERSION),
            "it goes on filtering. To go back to this release: portmatrix restore --downgrade. It "
            "puts the confirmed policy and the bans in force and keeps the host filtered; the "
            "counters and all flows are lost, so that connections are judged as at a first attach",
            Exit::refused};
}

// Without it a downgrade would end with nothing in force.
Done need_confirmed(const Paths &paths) {
    const auto confirmed =
        Store::open(paths).and_then([](const Store &s) { return s.confirmed(); });
    if (confirmed && *confirmed) return {};
    return fault(fmt::format("nothing that this release could put in force is confirmed{}",
                             confirmed ? std::string() : ": " + confirmed.error().message),
                 "confirm a policy with the newer release first: portmatrix confirm",
                 Exit::refused);
}

// Does something filter that `watch` guards until it can do better? It loads the parachute again
// where others flush it, and holds the pins of another layout.
bool is_guarded(const Paths &paths) {
    const auto newer = newer_build(paths);
    return is_parachute_loaded(paths) || is_of_older_layout(paths) || (newer && *newer);
}

// Something may have changed: it puts in force what it can.
int end_failed(const Paths &paths, const RestoreArguments &arguments, const Fault &why) {
    auto raised = raise_parachute(paths, why.message);
    if (!raised) {
        record_not_loaded(paths, raised.error());
        print_fault({"THIS HOST MAY BE OPEN: neither the programs nor nftables filter: " +
                         raised.error().message,
                     raised.error().hint});
    }
    record_refused("restore", why);
    print_fault(why);
    if (raised && *raised) print_note(**raised);
    print_in_force();
    return end(arguments.for_service && is_guarded(paths) ? Exit::done : why.exit);
}

// What cannot be read detaches nothing: the host is rather filtered.
Detached detached_by_command(const Paths &paths) {
    auto detached = read_detached(paths);
    if (detached) return std::move(*detached);
    print_note(
        fmt::format("{}; what a command detached is filtered again", detached.error().message));
    return {};
}

// Puts the last confirmed policy in force and ends; nothing: none was ever confirmed.
std::optional<int> restore_confirmed(const RestoreArguments &arguments) {
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("restore", lock.error());
    const Paths paths = Paths::from_environment();
    // A service that starts again undoes no `detach`. A boot has emptied the list.
    const Detached detached = arguments.for_service ? detached_by_command(paths) : Detached();
    if (detached.all) {
        print_note("nothing is put in force, as a command detached everything: portmatrix restore");
        return end(Exit::done);
    }
    // What cannot be told now is a fault of restore().
    const auto newer = newer_build(paths).value_or(std::nullopt);
    if (newer && !arguments.downgrade)
        return arguments.for_service ? end_failed(paths, arguments, is_of_newer_release(*newer))
                                     : end_unchanged("restore", is_of_newer_release(*newer));
    if (auto confirmed = newer ? need_confirmed(paths) : Done(); !confirmed)
        return end_unchanged("restore", confirmed.error());
    Paths left = paths;
    left.leaves_newer = arguments.downgrade;
    auto outcome = restore(left, detached.names);
    note_given_up(paths, newer);
    if (!outcome) return end_failed(paths, arguments, outcome.error());
    if (!*outcome) return std::nullopt;
    return end_in_force("restore", **outcome);
}

}  // namespace

int run_restore(const RestoreArguments &arguments) {
    if (const std::optional<int> status = restore_confirmed(arguments)) return *status;
    // `watch` says so, and the unit is not started again.
    if (arguments.for_service && nothing_to_filter(Paths::from_environment()))
        return end(Exit::done);
    // Then the service's policy file is applied as if by hand.
    const std::filesystem::path file = policy_file();
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        ApplyArguments apply;
        apply.policy = file;
        apply.at_boot = true;
        return run_apply(apply);
    }
    return end_unchanged(
        "restore", Fault{fmt::format("nothing was ever confirmed on this host, and there is no {}",
                                     file.string()),
                         "put a policy in force: portmatrix apply POLICY -i INTERFACE"});
}

}  // namespace pm::command
