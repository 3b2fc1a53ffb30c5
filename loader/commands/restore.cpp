// SPDX-License-Identifier: Apache-2.0
// The command restore: what boot runs.
#include "loader/update/restore.h"

#include <filesystem>
#include <optional>

#include <fmt/core.h>

#include "loader/attach/takeover.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/pins.h"
#include "loader/rescue/raise.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"

namespace pm::command {
namespace {

// What a newer release has attached goes on filtering until this one has its policy in force.
Done leave_newer_release(const Paths &paths, const RestoreArguments &arguments) {
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    if (!*build || (*build)->abi <= PM_ABI_VERSION) return {};
    if (!arguments.downgrade)
        return fault(
            fmt::format("what is attached is of a newer release ({}, layout {}; this one has {})",
                        (*build)->release, (*build)->abi, PM_ABI_VERSION),
            "it goes on filtering. To go back to this release: portmatrix restore --downgrade. It "
            "puts the confirmed policy and the bans in force and keeps the host filtered; the "
            "counters and all flows are lost, so that connections are judged as at a first attach",
            Exit::refused);
    const auto store = Store::open(paths);
    const auto confirmed = store ? store->confirmed() : tl::unexpected(store.error());
    if (!confirmed || !*confirmed)
        return fault(fmt::format("nothing that this release could put in force is confirmed{}",
                                 confirmed ? std::string() : ": " + confirmed.error().message),
                     fmt::format("confirm a policy with release {} first: portmatrix confirm",
                                 (*build)->release),
                     Exit::refused);
    auto left = leave_newer(paths);
    if (!left) return tl::unexpected(left.error());
    print_note(fmt::format("flows and counters of release {} are given up", (*build)->release));
    return {};
}

// Puts the last confirmed policy in force and ends; nothing: none was ever confirmed.
std::optional<int> restore_confirmed(const RestoreArguments &arguments) {
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("restore", lock.error());
    const Paths paths = Paths::from_environment();
    // A service that starts again undoes no `detach`. A boot has emptied the list; what cannot be
    // read is none.
    const Detached detached =
        arguments.for_service ? read_detached(paths).value_or(Detached()) : Detached();
    if (detached.all) {
        print_note("nothing is put in force, as a command detached everything: portmatrix restore");
        return end(Exit::done);
    }
    if (auto left = leave_newer_release(paths, arguments); !left)
        return end_unchanged("restore", left.error());
    auto outcome = restore(paths, detached.names);
    if (!outcome) {  // something may have changed: it puts in force what it can
        auto raised = raise_parachute(paths, outcome.error().message);
        if (!raised) record_not_loaded(paths, raised.error());
        if (!raised)
            print_fault({"THIS HOST MAY BE OPEN: neither the programs nor nftables filter: " +
                             raised.error().message,
                         raised.error().hint});
        record_refused("restore", outcome.error());
        print_fault(outcome.error());
        if (raised && *raised) print_note(**raised);
        print_in_force();
        // `watch` goes on from there: it loads it again where others flush it, and tries again.
        if (arguments.for_service && raised && is_parachute_loaded(paths)) return end(Exit::done);
        return end(outcome.error().exit);
    }
    if (!*outcome) return std::nullopt;
    return end_in_force("restore", **outcome);
}

}  // namespace

int run_restore(const RestoreArguments &arguments) {
    if (const std::optional<int> status = restore_confirmed(arguments)) return *status;
    // Then the service's policy file is applied as if by hand.
    const std::filesystem::path file = policy_file();
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        ApplyArguments apply;
        apply.policy = file;
        return run_apply(apply);
    }
    return end_unchanged(
        "restore", Fault{fmt::format("nothing was ever confirmed on this host, and there is no {}",
                                     file.string()),
                         "put a policy in force: portmatrix apply POLICY -i INTERFACE"});
}

}  // namespace pm::command
