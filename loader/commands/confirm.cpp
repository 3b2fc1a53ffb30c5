// SPDX-License-Identifier: Apache-2.0
// The commands after an apply: confirm, rollback, restore.
#include <filesystem>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/update/confirm.h"
#include "loader/update/outcome.h"
#include "loader/update/restore.h"

namespace pm::command {
namespace {

void report(const char *action, const Outcome &outcome) {
    const std::string text =
        fmt::format("generation {} ({}) {} in force on {}{}", outcome.generation, outcome.policy,
                    outcome.changed ? "is" : "is already", fmt::join(outcome.interfaces, ", "),
                    mode_remark(outcome.mode));
    // Recorded before a word is printed, which may end us: nobody need read it.
    if (outcome.changed) record_done(action, text, outcome.generation, outcome.sha256);
    for (const std::string &note : outcome.notes) print_note(note);
    print_note(text);
}

template <class Act>
int change(const char *action, Act act) {
    const Paths paths = Paths::from_environment();
    if (auto root = need_root(); !root) return end_unchanged(action, root.error());
    auto lock = Lock::writer(paths);
    if (!lock) return end_unchanged(action, lock.error());
    auto outcome = act(paths);
    if (!outcome) return end_unchanged(action, outcome.error());
    report(action, *outcome);
    return end(Exit::done);
}

}  // namespace

int run(const Confirm &) {
    return change("confirm", confirm);
}

int run(const Rollback &) {
    return change("rollback", roll_back);
}

// Where nothing was ever confirmed, the service's policy file is applied like by hand.
int run(const Restore &) {
    const Paths paths = Paths::from_environment();
    {
        if (auto root = need_root(); !root) return end_unchanged("restore", root.error());
        auto lock = Lock::writer(paths);
        if (!lock) return end_unchanged("restore", lock.error());
        auto outcome = restore(paths);
        if (!outcome) {  // it may have put in force what it could
            record_refused("restore", outcome.error());
            print_fault(outcome.error());
            print_plain(fmt::format("  {}\n", in_force_text({})));
            return end(outcome.error().exit);
        }
        if (*outcome) {
            report("restore", **outcome);
            return end(Exit::done);
        }
    }
    const std::filesystem::path file = policy_file();
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        Apply apply;
        apply.policy = file;
        return run(apply);
    }
    return end_unchanged(
        "restore", Fault{fmt::format("nothing was ever confirmed on this host, and there is no {}",
                                     file.string()),
                         "put a policy in force: portmatrix apply POLICY -i INTERFACE"});
}

}  // namespace pm::command
