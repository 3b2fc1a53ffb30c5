// SPDX-License-Identifier: Apache-2.0
// Walks the flow tables, and says which of their entries are live.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"

namespace pm {

// The time in the unit of pm_flow.start and .last.
std::uint32_t flow_stamp_now();

// Seconds from `stamp` to `now`; 0 if the stamp is ahead: flow_stamp_now() is derived from another
// clock and may be a little behind the kernel's.
std::uint64_t seconds_since(std::uint32_t stamp, std::uint32_t now);

bool is_expired(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now);
// Not expired, moved or cut.
bool is_live(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now);

// A word for people: "established", "closing", "answered", ...
const char *flow_state(const pm_flow_key &key, const pm_flow &flow);

// How many entries the tables have room for together.
Result<std::uint64_t> flow_capacity(const Pins &pins);

// How full a table is.
struct FlowTableUse {
    const char *table;
    std::uint64_t live, room;  // entries that are live, and that there can be
};
// Walks all tables.
Result<std::vector<FlowTableUse>> flow_table_use(const Pins &pins);

// Visits every entry, dead ones too. Entries that come or go meanwhile may be missed.
using FlowVisit = std::function<void(const pm_flow_key &, const pm_flow &)>;
Done each_flow_entry(const Pins &pins, const FlowVisit &visit);

// The same of live flows only.
Done each_live_flow(const Pins &pins, const FlowVisit &visit);

}  // namespace pm
