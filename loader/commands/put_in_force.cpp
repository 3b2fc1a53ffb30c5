// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/put_in_force.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/commands/common.h"
#include "loader/kernel/banned_now.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/flow_diff.h"
#include "loader/show/applied.h"
#include "loader/show/table.h"
#include "loader/state/drift.h"
#include "loader/update/apply.h"
#include "policy/check/lint.h"
#include "policy/model/diff.h"
#include "policy/model/labels.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

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

// What is applied, and how many live flows the policy in force let through and this one drops.
struct Outcome {
    Applied applied;
    std::optional<std::uint64_t> cut_flows = {};  // none: not known
};

Result<Outcome> apply_chosen(const Paths &paths, ChosenPolicy &chosen,
                             const std::optional<Deployment> &before,
                             const ApplyArguments &arguments) {
    std::optional<std::uint64_t> cut_flows;
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
    request.before_switch = [&](const ProbedSlots &prepared) {
        if (!before || before->in_force.mode != PM_MODE_ENFORCE) return;
        if (auto cut = count_cut_flows(*before, prepared.image_view, prepared.bans_view))
            cut_flows = *cut;
    };
    // At once, as the user's own session may be cut.
    std::vector<std::string> told;
    request.tell = [&](const std::string &line) {
        print_note(line);
        told.push_back(line);
    };
    return apply(paths, *chosen.source.policy, request).map([&](Applied &&applied) {
        if (arguments.json) applied.notes.insert(applied.notes.begin(), told.begin(), told.end());
        if (applied.mode != PM_MODE_ENFORCE || !applied.changed) cut_flows.reset();
        return Outcome{.applied = std::move(applied), .cut_flows = cut_flows};
    });
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
                const std::optional<Deployment> &before, Outcome outcome) {
    Source &source = chosen.source;
    Applied &applied = outcome.applied;
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
        .cut_flows = outcome.cut_flows,
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

}  // namespace

int put_in_force(const Paths &paths, const ApplyArguments &arguments, ChosenPolicy chosen) {
    Source &source = chosen.source;
    if (source.diagnostics.has_errors()) return end_invalid(arguments, chosen);
    source.diagnostics = warnings_of(*source.policy, std::move(source.diagnostics));
    const auto before = open_deployment(paths).value_or(std::nullopt);
    auto outcome = apply_chosen(paths, chosen, before, arguments);
    if (!outcome) return end_unchanged(action_of(chosen), outcome.error(), arguments.interfaces);
    return end_applied(arguments, std::move(chosen), before, std::move(*outcome));
}

}  // namespace pm::command
