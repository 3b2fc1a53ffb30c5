// SPDX-License-Identifier: Apache-2.0
#include "loader/flow_diff.h"

namespace pm {

Result<std::vector<FlowChange>> diff_flows(const Pins &pins, const Policy &policy) {
    auto interfaces = pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto control = Switch::open(pins.maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto flows = read_flows(pins, {});
    if (!flows) return tl::unexpected(flows.error());

    CompileOptions options;
    options.interfaces.resize(PM_INTERFACES);
    for (const Pins::Interface &one : *interfaces) options.interfaces[one.number] = one.name();
    auto image = compile(policy, options);
    if (!image) return fault(image.error(), {}, Exit::invalid);
    const ImageView candidate(image->bytes);
    const std::uint8_t banned = control->state().record.bans;
    const pm_view bans = banned ? control->bans(banned - 1u) : pm_view{};

    std::vector<FlowChange> changes;
    for (Flow &flow : *flows) {
        pm_tuple tuple = {};
        tuple.local = flow.key.local;
        tuple.remote = flow.key.remote;
        tuple.local_port = flow.key.local_port;
        tuple.remote_port = flow.key.remote_port;
        tuple.protocol = flow.key.protocol;
        tuple.interface = flow.key.interface;
        tuple.opener = flow.value.opener;
        const std::uint32_t verdict =
            pm_judge(candidate.view(), bans, boottime_ns(), &tuple, tuple.opener);
        FlowChange change;
        change.reason = static_cast<pm_reason>(pm_reason_of(verdict));
        if (change.reason == PM_UNDECIDED) change.row = policy.rows.at(pm_row_of(verdict)).id;
        if (change.reason == PM_UNDECIDED && change.row == flow.row) continue;
        change.flow = std::move(flow);
        changes.push_back(std::move(change));
    }
    return changes;
}

}  // namespace pm
