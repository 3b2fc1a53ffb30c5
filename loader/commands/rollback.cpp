// SPDX-License-Identifier: Apache-2.0
// The command rollback: puts the policy before in force; run again, the later one. With --to, the
// policy of any kept generation, as a new one.
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/kept.h"
#include "loader/commands/put_in_force.h"
#include "loader/update/confirm.h"

namespace pm::command {
namespace {

// A policy without `interfaces` holds on those that are attached: there must be some.
Done need_something_in_force(const Paths &paths) {
    return need_deployment(paths, no_policy_in_force()).and_then([](const Deployment &now) -> Done {
        if (now.in_force.mode == PM_MODE_OFF) return tl::unexpected(no_policy_in_force());
        return {};
    });
}

int roll_back_to(const RollbackArguments &arguments, std::uint64_t number) {
    const Paths paths = Paths::from_environment();
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("rollback", lock.error());
    const auto store = need_something_in_force(paths).and_then(open_kept);
    if (!store) return end_unchanged("rollback", store.error());
    const auto about =
        need_kept(*store, number).and_then([&] { return store->any_generation(number); });
    if (!about) return end_unchanged("rollback", about.error());
    auto source = read_kept(*store, number, Expectations::ask);
    if (!source) return end_unchanged("rollback", source.error());
    ApplyArguments apply;
    apply.mode =
        about->mode == PM_MODE_AUDIT ? ApplyArguments::Mode::audit : ApplyArguments::Mode::enforce;
    apply.confirm_within = arguments.confirm_within;
    apply.force = arguments.force;
    apply.json = arguments.json;
    return put_in_force(paths, apply,
                        {.source = std::move(*source),
                         .files = store->written(number).value_or(WrittenFiles()),
                         .kept_as = number});
}

}  // namespace

int run_rollback(const RollbackArguments &arguments) {
    return arguments.to ? roll_back_to(arguments, *arguments.to) : end_after("rollback", roll_back);
}

}  // namespace pm::command
