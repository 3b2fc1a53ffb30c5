// SPDX-License-Identifier: Apache-2.0
// The command apply: puts a policy in force, for good or until it is confirmed.
#include "loader/update/apply.h"

#include <malloc.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/show/table.h"
#include "loader/state/policy_source.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

// The policy in force, its set files read anew.
Result<Source> read_policy_in_force_anew(const Paths &paths) {
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
    return read_source_text(now.catalog.document, "the policy in force", Expectations::ask);
}

bool is_shadow(const ApplyArguments &arguments) {
    return arguments.mode == ApplyArguments::Mode::shadow;
}

// None: as before.
std::optional<pm_mode> enforcement_of(const ApplyArguments &arguments) {
    if (!arguments.mode || is_shadow(arguments)) return std::nullopt;
    return *arguments.mode == ApplyArguments::Mode::audit ? PM_MODE_AUDIT : PM_MODE_ENFORCE;
}

Result<Applied> apply_source(const Paths &paths, const Source &source,
                             const ApplyArguments &arguments) {
    ApplyRequest request = {.interfaces = arguments.interfaces,
                            .mode = enforcement_of(arguments),
                            .shadow = is_shadow(arguments),
                            .xdp = arguments.xdp,
                            .confirm_within = std::nullopt,
                            .at_boot = arguments.at_boot,
                            .force = arguments.force};
    if (!arguments.confirm_within.empty()) {
        auto seconds = parse_duration(arguments.confirm_within);
        if (!seconds) return tl::unexpected(seconds.error());
        request.confirm_within = *seconds;
    }
    return apply(paths, *source.policy, request);
}

Done check_shadow_options(const ApplyArguments &arguments) {
    if (!is_shadow(arguments)) return {};
    if (!arguments.confirm_within.empty())
        return fault(
            "--confirm-within does not go with --mode shadow: there is nothing to roll back",
            "leave it out; the next apply ends the shadow", Exit::usage);
    if (arguments.xdp)
        return fault("--xdp does not go with --mode shadow: a shadow attaches nothing",
                     "leave it out", Exit::usage);
    return {};
}

int end_invalid(const ApplyArguments &arguments, const Diagnostics &found) {
    const auto errors = show::plural(static_cast<std::uint64_t>(found.errors()), "error");
    const std::string name = arguments.policy.empty() ? "the policy in force" : arguments.policy;
    record_refused("apply", {fmt::format("{} has {}", name, errors), {}, Exit::invalid});
    print_diagnostics(found);
    print_note(
        fmt::format("{}; policy not applied; {}", errors, in_force_text(arguments.interfaces)));
    return end(Exit::invalid);
}

int end_applied(const ApplyArguments &arguments, const Policy &policy, const Applied &applied) {
    const bool shadow = is_shadow(arguments);
    const std::string text =
        shadow
            ? fmt::format("{} is judged beside the policy in force", policy.name)
            : fmt::format("generation {} ({}) is in force on {}{}", applied.generation, policy.name,
                          fmt::join(applied.interfaces, ", "), mode_remark(applied.mode));
    // The entry comes before the text: if nobody reads stderr, printing there ends the process.
    record_done("apply", text, shadow ? 0 : applied.generation,
                shadow ? digest(policy) : applied.sha256);
    for (const std::string &note : applied.notes) print_note(note);
    print_note(shadow ? text + "; see 'portmatrix status'" : text);
    if (!arguments.confirm_within.empty())
        print_note(fmt::format("it is rolled back in {} unless 'portmatrix confirm' keeps it",
                               arguments.confirm_within));
    if (!shadow) settle_parachute();
    return end(Exit::done);
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
    auto lock = check_shadow_options(arguments).and_then(lock_as_root);
    if (!lock) return end_unchanged("apply", lock.error(), asked);
    auto source = arguments.policy.empty() ? read_policy_in_force_anew(paths)
                                           : read_source(arguments.policy, Expectations::ask);
    if (!source) return end_unchanged("apply", source.error(), asked);
    if (source->diagnostics.has_errors()) return end_invalid(arguments, source->diagnostics);
    auto applied = apply_source(paths, *source, arguments);
    if (!applied) return end_unchanged("apply", applied.error(), asked);
    return end_applied(arguments, *source->policy, *applied);
}

}  // namespace pm::command
