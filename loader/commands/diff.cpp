// SPDX-License-Identifier: Apache-2.0
// The command diff: what a policy would change, before it is applied.
#include <unistd.h>

#include <algorithm>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/observe/flow_diff.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/drift.h"
#include "loader/state/policy_source.h"
#include "policy/model/diff.h"

namespace pm::command {
namespace {

struct Difference {
    std::vector<Change> policy;
    std::vector<FlowChange> flows;
};

Result<Difference> compare(const Pins &pins, const Policy &policy) {
    auto control = Switch::open(pins.maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto now = read_in_force(*control);
    if (!now) return tl::unexpected(now.error());
    auto before = read_policy_in_force(now->catalog);
    if (!before) return tl::unexpected(before.error());
    auto flows = diff_flows(pins, policy);
    if (!flows) return tl::unexpected(flows.error());
    return Difference{diff(*before, policy), std::move(*flows)};
}

}  // namespace

int run(const Diff &arguments) {
    auto source = read_source(arguments.policy, Expectations::ask);
    if (!source) return end(source.error());
    if (source->diagnostics.has_errors()) {
        print_plain(render(source->diagnostics, colour_on(STDERR_FILENO)));
        return end(Exit::invalid);
    }
    auto pins = open_pins();
    if (!pins) return end(pins.error());
    if (!*pins)
        return end(Fault{"no policy is in force to compare with",
                         "see what it says with 'portmatrix check'"});
    auto difference = compare(**pins, *source->policy);
    if (!difference) return end(difference.error());
    fmt::print("{}", arguments.json ? show::diff_json(difference->policy, difference->flows)
                                    : show::diff_text(difference->policy, difference->flows));
    const bool same = difference->policy.empty() && difference->flows.empty();
    return end(same ? Exit::done : Exit::differs);
}

}  // namespace pm::command
