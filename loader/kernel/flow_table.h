// SPDX-License-Identifier: Apache-2.0
// The entries of the flow tables, and what of them is alive.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "loader/kernel/pins.h"
#include "maps/image.h"

namespace pm {

// In the order in which a walk meets a flow that is promoted meanwhile: young ones first.
inline constexpr const char *flow_tables[] = {"outside", "opening", "assured"};

// The time in the unit of pm_flow.start and .last.
std::uint32_t flow_stamp_now();

// Seconds from `stamp` to `now`; 0 if it is ahead, for ours is derived and may lie a little behind.
std::uint64_t seconds_since(std::uint32_t stamp, std::uint32_t now);

bool is_expired(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now);
// Not expired, moved or cut.
bool is_live(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now);

const char *flow_state(const pm_flow_key &key, const pm_flow &flow);  // "established", for people

// How many entries the tables have room for together.
Result<std::uint64_t> flow_capacity(const Pins &pins);

// How full each table is, by a walk of it.
struct FlowTableUse {
    const char *table;
    std::uint64_t live, room;  // flows
};
Result<std::vector<FlowTableUse>> flow_table_use(const Pins &pins);

// Every entry, dead ones too. Those that come or go meanwhile may be missed.
using FlowVisit = std::function<void(const pm_flow_key &, const pm_flow &)>;
Done each_flow_entry(const Pins &pins, const FlowVisit &visit);

// The same of live flows only.
Done each_live_flow(const Pins &pins, const FlowVisit &visit);

}  // namespace pm
