// SPDX-License-Identifier: Apache-2.0
// The maps as plain data: the one reader, from which every output is made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/kernel/deployment.h"
#include "policy/image/catalog.h"
#include "policy/image/compile.h"

namespace pm {

struct RowStatus {
    CatalogRow row;       // of an essential: its id only
    const char *section;  // "failsafe", "matrix", "essential"
    pm_row_count count = {};
    std::uint64_t live = 0;  // flows
};

struct DropStatus {
    pm_direction direction;  // of the packets
    const char *reason;
    pm_drop_count count;
};

// What the shadow policy judges otherwise: `reason` is why it would drop what `row` passes, or
// null where its own `row` would pass what is dropped.
struct ShadowStatus {
    pm_direction direction;  // of the packets
    std::string row;
    const char *reason;
    pm_shadow_count count;
};

struct InterfaceStatus {
    std::string name;
    Attached attached;          // at this moment
    bool drifted = false;       // what was attached is not
    std::string renamed;        // the device's name of now, if it is another; read_snapshot() only
    std::uint64_t checked = 0;  // CLOCK_BOOTTIME ns when `watch` last looked; 0: never
    std::vector<RowStatus> rows;
    std::vector<DropStatus> drops;  // by direction and reason, also those of which there are none
    std::uint64_t live = 0;         // flows
    std::vector<ShadowStatus> shadow;
    bool filtered = true;  // false: attached, but not an interface of the policy in force
};

struct Snapshot {
    InForce in_force;
    std::uint64_t flow_capacity = 0;  // of all interfaces together
    std::uint64_t events_lost = 0;    // that `monitor` was to show, by all of its readers
    bool policy_drifted = false;      // the service's policy file is not what is in force
    std::optional<Catalog> shadow;    // judged beside
    std::vector<InterfaceStatus> interfaces;
};

// `names`: the interfaces wanted; empty: all. One that is not attached is a usage fault.
// Counting live flows walks the flow tables: without it they are all 0.
enum class LiveFlows { counted, left_out };
Result<Snapshot> read_snapshot(const Deployment &deployment, const std::vector<std::string> &names,
                               LiveFlows flows = LiveFlows::counted);

// Live flows by interface number and counter slot.
using FlowCounts = std::map<std::pair<unsigned, unsigned>, std::uint64_t>;

// The same of all interfaces for a reader without privilege, at the cost of the counters alone: no
// flow table is walked, `live` flows are given; what is attached is what `watch` noted last.
Result<Snapshot> read_counters(const Deployment &deployment, const FlowCounts &live);

}  // namespace pm
