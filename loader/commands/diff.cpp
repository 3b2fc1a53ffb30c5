// SPDX-License-Identifier: Apache-2.0
// The command diff: what a policy would change, before it is applied; and what differs between two
// files, or from a kept generation.
#include "policy/model/diff.h"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/kept.h"
#include "loader/observe/flow_diff.h"
#include "loader/show/show.h"
#include "loader/state/drift.h"
#include "loader/state/policy_source.h"

namespace pm::command {
namespace {

struct Difference {
    std::vector<Change> policy;
    std::vector<FlowChange> flows;
};

Result<Difference> compare(const Deployment &deployment, const Policy &policy) {
    auto before = read_policy_in_force(deployment.in_force.catalog);
    if (!before) return tl::unexpected(before.error());
    auto flows = diff_flows(deployment, policy);
    if (!flows) return tl::unexpected(flows.error());
    return Difference{diff(*before, policy), std::move(*flows)};
}

int end_compared(const DiffArguments &arguments, const Difference &difference) {
    fmt::print("{}", arguments.json ? show::diff_json(difference.policy, difference.flows)
                                    : show::diff_text(difference.policy, difference.flows));
    const bool same = difference.policy.empty() && difference.flows.empty();
    return end(same ? Exit::done : Exit::differs);
}

int diff_files(const DiffArguments &arguments) {
    auto before = read_valid_policy(arguments.policy, Expectations::skip);
    if (!before) return before.error();
    auto after = read_valid_policy(arguments.other, Expectations::skip);
    if (!after) return after.error();
    return end_compared(arguments, {diff(*before->policy, *after->policy), {}});
}

// What has become of it: the file, or what is in force.
int diff_generation(const DiffArguments &arguments) {
    const auto before = open_kept().and_then(
        [&](const Store &store) { return kept_policy(store, *arguments.generation); });
    if (!before) return end(before.error());
    if (!arguments.policy.empty()) {
        auto after = read_valid_policy(arguments.policy, Expectations::skip);
        if (!after) return after.error();
        return end_compared(arguments, {diff(*before, *after->policy), {}});
    }
    const auto after = need_as_root({"no policy is in force to compare with",
                                     "name a file: portmatrix diff --generation N POLICY"})
                           .and_then([](const Deployment &deployment) {
                               return read_policy_in_force(deployment.in_force.catalog);
                           });
    if (!after) return end(after.error());
    return end_compared(arguments, {diff(*before, *after), {}});
}

}  // namespace

int run_diff(const DiffArguments &arguments) {
    if (arguments.generation) {
        if (arguments.other.empty()) return diff_generation(arguments);
        return end(
            Fault{"--generation compares with one file", "leave one of the two out", Exit::usage});
    }
    if (!arguments.other.empty()) return diff_files(arguments);
    if (arguments.policy.empty())
        return end(Fault{"no policy is named", "name one: portmatrix diff POLICY", Exit::usage});
    auto source = read_valid_policy(arguments.policy, Expectations::ask);
    if (!source) return source.error();
    auto deployment = need_as_root(
        {"no policy is in force to compare with", "see what it says with 'portmatrix check'"});
    if (!deployment) return end(deployment.error());
    auto difference = compare(*deployment, *source->policy);
    return difference ? end_compared(arguments, *difference) : end(difference.error());
}

}  // namespace pm::command
