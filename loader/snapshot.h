// SPDX-License-Identifier: Apache-2.0
// The maps as plain data: the one reader, from which every output is made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach.h"
#include "loader/pins.h"
#include "loader/switch.h"
#include "policy/compile.h"

namespace pm {

// The policy in force. `catalog` has generation 0 and no rows where none was ever put in force.
struct InForce {
    std::uint64_t epoch = 0;  // the one published last
    pm_record record = {};
    pm_mode mode = PM_MODE_OFF;
    Catalog catalog;
    // Seconds until an unconfirmed policy is rolled back.
    std::optional<std::uint64_t> seconds_left;
};
Result<InForce> read_in_force(const Switch &control);

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

struct InterfaceStatus {
    std::string name;
    Attached attached;     // at this moment
    bool drifted = false;  // what was attached is not
    std::vector<RowStatus> rows;
    std::vector<DropStatus> drops;  // what has dropped, or in audit would have
    std::uint64_t live = 0;         // flows
};

struct Snapshot {
    InForce in_force;
    std::uint64_t flow_capacity = 0;  // of all interfaces together
    std::vector<InterfaceStatus> interfaces;
};

// `names`: the interfaces wanted; empty: all. One that is not attached is a usage fault.
Result<Snapshot> read_snapshot(const Pins &pins, const std::vector<std::string> &names);

struct Flow {
    std::string interface;
    std::string row;  // id; empty if its row has left the policy and no packet came since
    pm_flow_key key = {};
    pm_flow value = {};
    const char *state;
    std::uint64_t age = 0, idle = 0;  // seconds
};

// The live flows: not expired, moved or cut. Entries that change while the tables are walked
// may be missed or old.
Result<std::vector<Flow>> read_flows(const Pins &pins, const std::vector<std::string> &names);

// The interfaces with these names, or all.
Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names);

const char *essential_id(unsigned id);         // "essential-arp"; nullptr: no such one
const char *reason_meaning(pm_reason reason);  // a clause for people
const char *mode_name(pm_mode mode);

}  // namespace pm
