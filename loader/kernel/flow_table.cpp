// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/flow_table.h"

#include "loader/kernel/jiffies.h"
#include "loader/kernel/program.h"

namespace pm {

std::uint32_t flow_stamp_now() {
    return static_cast<std::uint32_t>(jiffies_now() >> PM_STAMP_SHIFT);
}

std::uint64_t seconds_since(std::uint32_t stamp, std::uint32_t now) {
    const auto stamps = static_cast<std::int32_t>(now - stamp);
    return stamps < 0 ? 0 : (static_cast<std::uint64_t>(stamps) << PM_STAMP_SHIFT) / kernel_hz();
}

bool is_expired(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now) {
    return seconds_since(flow.last, now) > pm_idle_seconds(&flow, key.protocol);
}

bool is_live(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now) {
    return !flow.moved && !(flow.marks & PM_FLOW_CUT) && !is_expired(key, flow, now);
}

const char *flow_state(const pm_flow_key &key, const pm_flow &flow) {
    if (key.protocol == PM_PROTO_TCP) {
        if (flow.marks & PM_FLOW_RESET) return "reset";
        if (flow.marks & (PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT)) return "closing";
        return flow.marks & PM_FLOW_ESTABLISHED ? "established" : "opening";
    }
    return flow.marks & PM_FLOW_ANSWERED ? "answered" : "unanswered";
}

Result<std::uint64_t> flow_capacity(const Pins &pins) {
    std::uint64_t sum = 0;
    for (const char *table : flow_tables) {
        auto info = map_info(pins.maps().fd(table), table);
        if (!info) return tl::unexpected(info.error());
        sum += info->max_entries;
    }
    return sum;
}

Result<std::vector<FlowTableUse>> flow_table_use(const Pins &pins) {
    const std::uint32_t now = flow_stamp_now();
    std::vector<FlowTableUse> all;
    for (const char *table : flow_tables) {
        auto map = Map<pm_flow_key, pm_flow>::of(pins.maps(), table);
        if (!map) return tl::unexpected(map.error());
        auto info = map_info(pins.maps().fd(table), table);
        if (!info) return tl::unexpected(info.error());
        FlowTableUse use = {table, 0, info->max_entries};
        auto walked = map->each([&](const pm_flow_key &key, const pm_flow &flow) {
            use.live += is_live(key, flow, now);
        });
        if (!walked) return tl::unexpected(walked.error());
        all.push_back(use);
    }
    return all;
}

Done each_flow_entry(const Pins &pins, const FlowVisit &visit) {
    for (const char *table : flow_tables) {
        auto map = Map<pm_flow_key, pm_flow>::of(pins.maps(), table);
        if (!map) return tl::unexpected(map.error());
        if (auto walked = map->each(visit); !walked) return walked;
    }
    return {};
}

Done each_live_flow(const Pins &pins, const FlowVisit &visit) {
    const std::uint32_t now = flow_stamp_now();
    return each_flow_entry(pins, [&](const pm_flow_key &key, const pm_flow &flow) {
        if (is_live(key, flow, now)) visit(key, flow);
    });
}

}  // namespace pm
