// SPDX-License-Identifier: Apache-2.0
// The command apply: puts a policy in force, for good or until it is confirmed.
#include <malloc.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/put_in_force.h"
#include "loader/host/device.h"
#include "loader/kernel/deployment.h"
#include "loader/state/policy_source.h"
#include "loader/state/store.h"

namespace pm::command {
namespace {

// The policy in force, its set files read anew.
Result<ChosenPolicy> read_policy_in_force_anew(const Paths &paths) {
    auto deployment =
        need_deployment(paths, {"no policy is in force, and none is named",
                                "name one: portmatrix apply POLICY -i INTERFACE", Exit::usage});
    if (!deployment) return tl::unexpected(deployment.error());
    const InForce &now = deployment->in_force;
    if (now.state.epoch == 0)
        return fault("no policy is in force, and none is named", "name one", Exit::usage);
    if (now.catalog.generation == 0)  // confirmed, it would take the place of the policy
        return fault("in force is only what a restore left that failed, and no policy is named",
                     "try the confirmed policy again: portmatrix restore; or name one: portmatrix "
                     "apply POLICY",
                     Exit::refused);
    return read_source_text(now.catalog.document, "the policy in force", Expectations::ask)
        .map([&](Source &&source) {
            const auto files = Store::open(paths).and_then(
                [&](const Store &store) { return store.written(now.catalog.generation); });
            return ChosenPolicy{.source = std::move(source),
                                .files = files.value_or(WrittenFiles())};
        });
}

Result<ChosenPolicy> read_policy_file(const std::string &path) {
    return read_source(path, Expectations::ask).map([](Source &&source) {
        WrittenFiles files = written_files(source.files);
        return ChosenPolicy{.source = std::move(source), .files = std::move(files)};
    });
}

// `apply -i policy.yaml`: the interface was forgotten.
Done check_interface_names(const ApplyArguments &arguments) {
    for (const std::string &name : arguments.interfaces)
        if (!find_device(name) && access(name.c_str(), F_OK) == 0)
            return fault(fmt::format("'{}' is a file, and no interface", name),
                         fmt::format("name both: portmatrix apply -i INTERFACE {}", name),
                         Exit::usage);
    return {};
}

Done check_shadow_options(const ApplyArguments &arguments) {
    if (arguments.mode != ApplyArguments::Mode::shadow) return {};
    if (!arguments.confirm_within.empty())
        return fault(
            "--confirm-within does not go with --mode shadow: there is nothing to roll back",
            "leave it out; the next apply ends the shadow", Exit::usage);
    if (arguments.xdp)
        return fault("--xdp does not go with --mode shadow: a shadow attaches nothing",
                     "leave it out", Exit::usage);
    return {};
}

// A large policy passes through several vectors of its size. Given back to the kernel and taken
// anew each time, their pages cost a third of the command.
void keep_freed_memory() {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace

int run_apply(const ApplyArguments &arguments) {
    keep_freed_memory();
    const std::vector<std::string> &asked = arguments.interfaces;
    const Paths paths = Paths::from_environment();
    auto lock = check_shadow_options(arguments)
                    .and_then([&] { return check_interface_names(arguments); })
                    .and_then(lock_as_root);
    if (!lock) return end_unchanged("apply", lock.error(), asked);
    auto chosen = arguments.policy.empty() ? read_policy_in_force_anew(paths)
                                           : read_policy_file(arguments.policy);
    if (!chosen) return end_unchanged("apply", chosen.error(), asked);
    return put_in_force(paths, arguments, std::move(*chosen));
}

}  // namespace pm::command
