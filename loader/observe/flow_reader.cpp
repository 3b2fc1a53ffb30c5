// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/flow_reader.h"

#include "loader/attach/targets.h"
#include "loader/kernel/flow_table.h"
#include "policy/image/catalog.h"
#include "policy/model/labels.h"

namespace pm {

Result<FlowReader> FlowReader::open(const Deployment &deployment,
                                    const std::vector<std::string> &names) {
    auto selected = select_interfaces(deployment.pins, names);
    if (!selected) return tl::unexpected(selected.error());
    auto capacity = flow_capacity(deployment.pins);
    if (!capacity) return tl::unexpected(capacity.error());

    FlowReader reader(deployment.pins);
    reader.capacity_ = *capacity;
    for (const Pins::Interface &one : *selected) reader.interfaces_[one.number] = one.name();
    for (const CatalogRow &row : deployment.in_force.catalog.rows) reader.rows_[row.slot] = row.id;
    for (unsigned id = 0; essential_id(id); ++id) reader.rows_[id] = essential_id(id);
    reader.now_ = flow_stamp_now();
    return reader;
}

Done FlowReader::each(const Visit &visit) const {
    return each_live_flow(*pins_, [&](const pm_flow_key &key, const pm_flow &flow) {
        if (interfaces_.count(key.interface)) visit(key, flow);
    });
}

Flow FlowReader::describe(const pm_flow_key &key, const pm_flow &flow) const {
    return {.interface = interface(key.interface),
            .row = row(flow.row),
            .key = key,
            .value = flow,
            .state = flow_state(key, flow),
            .age = age(flow),
            .idle = seconds_since(flow.last, now_)};
}

std::string FlowReader::row(std::uint16_t slot) const {
    auto found = rows_.find(slot);
    return found == rows_.end() ? "" : found->second;
}

std::string FlowReader::interface(unsigned number) const {
    auto found = interfaces_.find(number);
    return found == interfaces_.end() ? "" : found->second;
}

std::uint64_t FlowReader::age(const pm_flow &flow) const {
    return seconds_since(flow.start, now_);
}

}  // namespace pm
