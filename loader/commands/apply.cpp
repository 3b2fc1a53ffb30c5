// SPDX-License-Identifier: Apache-2.0
// The command apply: puts a policy in force, for good or until it is confirmed.
#include "loader/update/apply.h"

#include <malloc.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/put_in_force.h"
#include "loader/kernel/banned_now.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/flow_diff.h"
#include "loader/show/applied.h"
#include "loader/show/table.h"
#include "loader/state/drift.h"
#include "loader/state/policy_source.h"
#include "loader/state/store.h"
#include "policy/check/lint.h"
#include "policy/model/diff.h"
#include "policy/model/labels.h"
#include "policy/model/print.h"

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

const char *action_of(const ChosenPolicy &chosen) {
    return chosen.kept_as ? "rollback" : "apply";
}

bool is_shadow(const ApplyArguments &arguments) {
    return arguments.mode == ApplyArguments::Mode::shadow;
}

// None: as before.
std::optional<pm_mode> enforcement_of(const ApplyArguments &arguments) {
    if (!arguments.mode || is_shadow(arguments)) return std::nullopt;
    return *arguments.mode == ApplyArguments::Mode::audit ? PM_MODE_AUDIT : PM_MODE_ENFORCE;
}

Result<Applied> apply_chosen(const Paths &paths, ChosenPolicy &chosen,
                             const ApplyArguments &arguments) {
    ApplyRequest request = {.interfaces = arguments.interfaces,
                            .mode = enforcement_of(arguments),
                            .shadow = is_shadow(arguments),
                            .xdp = arguments.xdp,
                            .confirm_within = std::nullopt,
                            .at_boot = arguments.at_boot,
                            .force = arguments.force,
                            .rollback = chosen.kept_as != 0,
                            .files = std::move(chosen.files)};
    if (!arguments.confirm_within.empty()) {
        auto seconds = parse_duration(arguments.confirm_within);
        if (!seconds) return tl::unexpected(seconds.error());
        request.confirm_within = *seconds;
    }
    return apply(paths, *chosen.source.policy, request);
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

int end_invalid(const ApplyArguments &arguments, const ChosenPolicy &chosen) {
    const Diagnostics &found = chosen.source.diagnostics;
    const auto errors = show::plural(static_cast<std::uint64_t>(found.errors()), "error");
    const std::string name = chosen.kept_as ? fmt::format("generation {}", chosen.kept_as)
                             : arguments.policy.empty() ? "the policy in force"
                                                        : arguments.policy;
    record_refused(action_of(chosen), {fmt::format("{} has {}", name, errors), {}, Exit::invalid});
    print_diagnostics(found);
    print_note(
        fmt::format("{}; policy not applied; {}", errors, in_force_text(arguments.interfaces)));
    return end(Exit::invalid);
}

// What is different now. The policy is in force: what cannot be told is left out.
void compare(const std::optional<Deployment> &before, const Policy &policy,
             show::AppliedPolicy &told) {
    const auto after = open_deployment(Paths::from_environment());
    if (!after || !*after) return;
    told.bans = banned_now((*after)->control).size();
    if (!told.changed || told.shadow || !before || before->in_force.catalog.generation == 0) return;
    if (auto policy_before = read_policy_in_force(before->in_force.catalog))
        told.changes = diff(*policy_before, policy);
    if (before->in_force.mode != told.mode)
        told.changes.push_back({Change::What::changed, "setting", "mode",
                                mode_name(before->in_force.mode), mode_name(told.mode)});
    if (before->in_force.mode != PM_MODE_ENFORCE || told.mode != PM_MODE_ENFORCE) return;
    if (auto cut = count_cut_flows(*before, **after)) told.cut_flows = *cut;
}

// Without the notes, which explain and ask for nothing.
Diagnostics warnings_of(const Policy &policy, Diagnostics found) {
    lint(policy, found);
    Diagnostics warnings;
    for (const Diagnostic &one : found.all())
        if (one.severity == Severity::warning)
            warnings.warning(one.where, one.message, one.witness, one.hint);
    return warnings;
}

int end_applied(const ApplyArguments &arguments, ChosenPolicy chosen,
                const std::optional<Deployment> &before, Applied applied) {
    Source &source = chosen.source;
    show::AppliedPolicy told = {
        .changed = applied.changed,
        .shadow = is_shadow(arguments),
        .generation = applied.generation,
        .policy_of = chosen.kept_as,
        .policy = source.policy->name,
        .sha256 = is_shadow(arguments) ? digest(*source.policy) : applied.sha256,
        .mode = applied.mode,
        .interfaces = std::move(applied.interfaces),
        .confirm_within = arguments.confirm_within,
        .notes = std::move(applied.notes)};
    // The entry comes before the text: if nobody reads stderr, printing there ends the process.
    if (told.changed)
        record_done(action_of(chosen), show::applied_sentence(told), told.generation, told.sha256);
    if (!told.shadow) settle_parachute();
    told.findings = std::move(source.diagnostics);
    compare(before, *source.policy, told);
    if (arguments.json) {
        fmt::print("{}", show::applied_json(told));
    } else {
        print_diagnostics(told.findings);
        for (const std::string &line : show::applied_lines(told)) print_note(line);
    }
    return end(Exit::done);
}

// A large policy passes through several vectors of its size. Given back to the kernel and taken
// anew each time, their pages cost a third of the command.
void keep_freed_memory() {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace

int put_in_force(const Paths &paths, const ApplyArguments &arguments, ChosenPolicy chosen) {
    Source &source = chosen.source;
    if (source.diagnostics.has_errors()) return end_invalid(arguments, chosen);
    source.diagnostics = warnings_of(*source.policy, std::move(source.diagnostics));
    const auto before = open_deployment(paths).value_or(std::nullopt);
    auto applied = apply_chosen(paths, chosen, arguments);
    if (!applied) return end_unchanged(action_of(chosen), applied.error(), arguments.interfaces);
    return end_applied(arguments, std::move(chosen), before, std::move(*applied));
}

int run_apply(const ApplyArguments &arguments) {
    keep_freed_memory();
    const std::vector<std::string> &asked = arguments.interfaces;
    const Paths paths = Paths::from_environment();
    auto lock = check_shadow_options(arguments).and_then(lock_as_root);
    if (!lock) return end_unchanged("apply", lock.error(), asked);
    auto chosen = arguments.policy.empty() ? read_policy_in_force_anew(paths)
                                           : read_policy_file(arguments.policy);
    if (!chosen) return end_unchanged("apply", chosen.error(), asked);
    return put_in_force(paths, arguments, std::move(*chosen));
}

}  // namespace pm::command
