// SPDX-License-Identifier: Apache-2.0
// The maps as plain data: the one reader, from which every output is made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach.h"
#include "loader/pins.h"
#include "loader/switch.h"
#include "policy/catalog.h"
#include "policy/compile.h"

namespace pm {

// The policy in force. `catalog` has generation 0 and no rows where none was ever put in force.
struct InForce {
    Switch::State state;
    pm_mode mode = PM_MODE_OFF;
    Catalog catalog;
    // Seconds until an unconfirmed policy is rolled back.
    std::optional<std::uint64_t> seconds_left;
};
// `known`: what was read of the same maps before; its catalog is taken if nothing has changed.
Result<InForce> read_in_force(const Switch &control, const InForce *known = nullptr);

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
Result<Snapshot> read_snapshot(const Pins &pins, const std::vector<std::string> &names,
                               LiveFlows flows = LiveFlows::counted);

// Live flows by interface number and counter slot.
using FlowCounts = std::map<std::pair<unsigned, unsigned>, std::uint64_t>;

// The same of all interfaces for a reader without privilege, at the cost of the counters alone: no
// flow table is walked, `live` flows are given; what is attached is what `watch` noted last.
Result<Snapshot> read_counters(const Pins &pins, const FlowCounts &live,
                               const InForce *known = nullptr);

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
class FlowReader {
public:
    static Result<FlowReader> open(const Pins &pins, const std::vector<std::string> &names);

    using Visit = std::function<void(const pm_flow_key &, const pm_flow &)>;
    Done each(const Visit &visit) const;
    Flow describe(const pm_flow_key &key, const pm_flow &value) const;
    // The row that counts in a slot, as in Flow; and the slot of a row of the policy in force.
    std::string row(std::uint16_t slot) const;
    std::optional<std::uint16_t> slot(const std::string &row) const;
    std::uint64_t age(const pm_flow &value) const;  // seconds
    std::string interface(unsigned number) const;
    std::uint64_t capacity() const { return capacity_; }  // of the tables together

private:
    explicit FlowReader(const Pins &pins) : pins_(&pins) {}

    const Pins *pins_;  // must outlive it
    std::map<unsigned, std::string> interfaces_, rows_;
    std::uint64_t capacity_ = 0;
    std::uint32_t now_ = 0;
};

// The interfaces with these names, or whose devices have them now, each once and in this order; or
// all.
Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names);

}  // namespace pm
