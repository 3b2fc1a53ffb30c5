// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/flow_reader.h"

#include "loader/attach/targets.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/flow_table.h"
#include "loader/kernel/switch.h"
#include "policy/image/catalog.h"
#include "policy/model/labels.h"

namespace pm {

Result<FlowReader> FlowReader::open(const Pins &pins, const std::vector<std::string> &names) {
    auto selected = select_interfaces(pins, names);
    if (!selected) return tl::unexpected(selected.error());
    auto control = Switch::open(pins.maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto in_force = read_in_force(*control);
    if (!in_force) return tl::unexpected(in_force.error());

    auto capacity = flow_capacity(pins);
    if (!capacity) return tl::unexpected(capacity.error());

    FlowReader reader(pins);
    reader.capacity_ = *capacity;
    for (const Pins::Interface &one : *selected) reader.interfaces_[one.number] = one.name();
    for (const CatalogRow &row : in_force->catalog.rows) reader.rows_[row.slot] = row.id;
    for (unsigned id = 0; essential_id(id); id++) reader.rows_[id] = essential_id(id);
    reader.now_ = flow_stamp_now();
    return reader;
}

Done FlowReader::each(const Visit &visit) const {
    return each_live_flow(*pins_, [&](const pm_flow_key &key, const pm_flow &flow) {
        if (interfaces_.count(key.interface)) visit(key, flow);
    });
}

Flow FlowReader::describe(const pm_flow_key &key, const pm_flow &flow) const {
    return {
        interface(key.interface),      row(flow.row), key, flow, flow_state(key, flow), age(flow),
        seconds_since(flow.last, now_)};
}

std::string FlowReader::row(std::uint16_t slot) const {
    auto found = rows_.find(slot);
    return found == rows_.end() ? "" : found->second;
}

std::optional<std::uint16_t> FlowReader::slot(const std::string &id) const {
    for (const auto &[slot, row] : rows_)
        if (row == id) return static_cast<std::uint16_t>(slot);
    return std::nullopt;
}

std::string FlowReader::interface(unsigned number) const {
    auto found = interfaces_.find(number);
    return found == interfaces_.end() ? "" : found->second;
}

std::uint64_t FlowReader::age(const pm_flow &flow) const {
    return seconds_since(flow.start, now_);
}

}  // namespace pm
