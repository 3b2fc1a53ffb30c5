// SPDX-License-Identifier: Apache-2.0
// What the pinned maps say, as plain data: every output (status, top, doctor, metrics) is made of a
// Snapshot. There are two ways to read one:
//
//   read_snapshot()                as root: asks the kernel what is attached now, and walks the
//                                  flow tables
//   read_snapshot_unprivileged()   takes what `watch` noted as attached; live flows are given
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/kernel/deployment.h"
#include "policy/image/catalog.h"

namespace pm {

struct RowStatus {
    CatalogRow row;       // an essential has an id and a slot only
    const char *section;  // "failsafe", "matrix", "essential"
    pm_row_count count = {};
    std::uint64_t live = 0;  // flows
};

struct DropStatus {
    pm_direction direction;  // of the packets
    const char *reason;      // its label, "no-row"
    pm_drop_count count;
};

// Packets that the shadow policy judges otherwise than the policy in force. Either it would drop
// them: `reason` says why, and `row` is the row in force that passes them. Or it would pass them:
// `reason` is null, and `row` is its own.
struct ShadowStatus {
    pm_direction direction;  // of the packets
    std::string row;
    const char *reason;
    pm_shadow_count count;
};

struct InterfaceStatus {
    std::string name;
    unsigned number = PM_INTERFACES;  // that: it has none
    Attached attached;                // now, or as `watch` noted it last
    bool drifted = false;             // a program that was attached is not any more
    std::string renamed;        // the device's new name, if it has one; of read_snapshot() only
    std::uint64_t checked = 0;  // CLOCK_BOOTTIME ns when `watch` last looked; 0: never
    std::vector<RowStatus> rows;
    std::vector<DropStatus> drops;  // of every direction and reason, also those that count 0
    std::uint64_t live = 0;         // flows
    std::vector<ShadowStatus> shadow;
    bool filtered = true;   // false: attached, but not an interface of the policy in force
    bool absent = false;    // no device of this host is it now
    bool detached = false;  // by command; set by the command
    bool closed = false;    // only essentials and failsafe rows pass
    // What the state folder knows; set by the command.
    std::string why_closed;                      // also of one that is not closed and should be
    std::string address_confirmed, address_now;  // where they differ
    std::uint64_t confirmed = 0;                 // the generation that boot would put in force here

    bool should_be_closed() const { return !closed && !why_closed.empty(); }
};

struct Snapshot {
    InForce in_force;
    std::uint64_t utc = 0;            // ns: the time that dates of rows are held against
    std::uint64_t flow_capacity = 0;  // of all interfaces together
    std::uint64_t events_lost = 0;    // that `monitor` could not show, of all who ran it
    bool policy_drifted = false;      // set by the command: the state folder is not known here
    std::optional<Catalog> shadow;    // the shadow policy, if there is one
    std::vector<InterfaceStatus> interfaces;
};

// Is the row's date past, so that it permits no new flow?
inline bool has_expired(const CatalogRow &row, const Snapshot &snapshot) {
    return row.expires != 0 && row.expires <= snapshot.utc;
}

// `names`: the interfaces wanted; empty: all. One that is not attached is a usage fault. To count
// the live flows, the flow tables are walked; left out, all these counts are 0.
enum class LiveFlows { counted, left_out };
Result<Snapshot> read_snapshot(const Deployment &deployment, const std::vector<std::string> &names,
                               LiveFlows flows = LiveFlows::counted);

// Live flows by interface number and counter slot.
using FlowCounts = std::map<std::pair<unsigned, unsigned>, std::uint64_t>;

// The same of all interfaces, as the exporter needs it: without privilege, and at the cost of
// reading the counters alone. What is attached is what `watch` noted last; the live flows are
// given.
Result<Snapshot> read_snapshot_unprivileged(const Deployment &deployment, const FlowCounts &live);

}  // namespace pm
