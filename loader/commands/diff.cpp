// SPDX-License-Identifier: Apache-2.0
// The command diff: what a policy would change, before it is applied.
#include "policy/model/diff.h"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/commands/commands.h"
#include "loader/commands/common.h"
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

}  // namespace

int run_diff(const DiffArguments &arguments) {
    auto source = read_valid_policy(arguments.policy, Expectations::ask);
    if (!source) return source.error();
    auto deployment = need_as_root(
        {"no policy is in force to compare with", "see what it says with 'portmatrix check'"});
    if (!deployment) return end(deployment.error());
    auto difference = compare(*deployment, *source->policy);
    if (!difference) return end(difference.error());
    fmt::print("{}", arguments.json ? show::diff_json(difference->policy, difference->flows)
                                    : show::diff_text(difference->policy, difference->flows));
    const bool same = difference->policy.empty() && difference->flows.empty();
    return end(same ? Exit::done : Exit::differs);
}

}  // namespace pm::command
