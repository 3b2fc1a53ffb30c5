// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/flow_diff.h"

#include "loader/kernel/deployment.h"
#include "loader/kernel/flow_table.h"
#include "loader/observe/flow_reader.h"
#include "policy/image/compile.h"
#include "policy/judge/moment.h"

namespace pm {
namespace {

// The id of the row that a verdict is of; empty: none.
template <typename Row>
std::string row_of(std::uint32_t verdict, const std::vector<Row> &rows) {
    const std::uint32_t number = pm_row_of(verdict);
    return pm_reason_of(verdict) == PM_UNDECIDED && number < rows.size() ? rows[number].id : "";
}

// What decides by a record of a flow that has begun when its entry says (age_of() in
// bpf/flow_table.h).
struct Decider {
    pm_view image, bans;
    std::uint32_t now = flow_stamp_now();

    std::uint32_t operator()(const pm_flow_key &key, const pm_flow &value) const {
        pm_moment when = present_since(image, static_cast<double>(seconds_since(value.start, now)));
        if (value.older) when.begun = 0;
        return pm_judge(image, bans, when, &key, value.opener, value.opener);
    }
};

Decider decider(const Deployment &deployment) {
    const pm_record &record = deployment.in_force.state.record;
    return {.image = deployment.control.image(record.image),
            .bans = record.bans ? deployment.control.bans(record.bans - 1u) : pm_view{}};
}

}  // namespace

Result<std::vector<FlowChange>> diff_flows(const Deployment &deployment, const Policy &policy) {
    auto interfaces = deployment.pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto reader = FlowReader::open(deployment, {});
    if (!reader) return tl::unexpected(reader.error());

    CompileOptions options;
    options.interfaces.resize(PM_INTERFACES);
    for (const Pins::Interface &one : *interfaces) options.interfaces[one.number] = one.name();
    auto image = compile(policy, options);
    if (!image) return fault(image.error(), {}, Exit::invalid);
    const ImageView view(image->bytes);
    const Decider present = decider(deployment);
    Decider candidate = present;
    candidate.image = view.view();

    std::vector<FlowChange> changes;
    auto walked = reader->each([&](const pm_flow_key &key, const pm_flow &value) {
        const std::string row = row_of(present(key, value), deployment.in_force.catalog.rows);
        if (row.empty()) return;  // what is in force cuts it already
        const std::uint32_t verdict = candidate(key, value);
        FlowChange change;
        change.reason = static_cast<pm_reason>(pm_reason_of(verdict));
        change.row = row_of(verdict, policy.rows);
        if (change.row == row) return;
        change.flow = reader->describe(key, value);
        change.flow.row = row;
        changes.push_back(std::move(change));
    });
    if (!walked) return tl::unexpected(walked.error());
    return changes;
}

Result<std::uint64_t> count_cut_flows(const Deployment &now, pm_view image, pm_view bans) {
    auto reader = FlowReader::open(now, {});
    if (!reader) return tl::unexpected(reader.error());
    const Decider before = decider(now), after{.image = image, .bans = bans};
    std::uint64_t count = 0;
    return reader
        ->each([&](const pm_flow_key &key, const pm_flow &value) {
            if (pm_reason_of(before(key, value)) == PM_UNDECIDED &&
                pm_reason_of(after(key, value)) != PM_UNDECIDED)
                ++count;
        })
        .map([&] { return count; });
}

}  // namespace pm
