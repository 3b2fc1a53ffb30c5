// SPDX-License-Identifier: Apache-2.0
// Plain data as text for people (status.cpp, flows.cpp, diff.cpp) and as JSON Lines for scripts
// (json.cpp). Every text ends with a newline, or is empty.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/observe/explain.h"
#include "loader/observe/flow_diff.h"
#include "loader/observe/flow_reader.h"
#include "loader/observe/snapshot.h"
#include "policy/base/diagnostic.h"
#include "policy/model/bans.h"
#include "policy/model/diff.h"
#include "policy/model/model.h"

namespace pm::show {

std::string matrix_text(const Policy &policy, bool colour);

// How much of a status is told, and what the snapshot does not know.
struct StatusView {
    bool colour = false;
    bool whole = false;    // every row with all its columns and exact numbers; else what saw
                           // packets, in 80 columns
    std::string row = {};  // where it is whole, this row alone; empty: all
    std::string host = {};
    std::uint64_t now = 0;     // ns since the epoch
    std::uint64_t banned = 0;  // address ranges
};
std::string status_text(const Snapshot &snapshot, const StatusView &view);
std::string status_json(const Snapshot &snapshot);

std::string flows_text(const std::vector<Flow> &flows, bool colour);
std::string flow_json(const Flow &flow);  // a line

// What a flow record says beside the flow. Times in ms since 1970.
struct FlowRecordHead {
    const char *event;   // "update", "end"
    const char *reason;  // of the event: "idle-timeout"
    std::uint64_t time, start, last;
};
// A line for a collector, its ports as numbers. The counts of `flow` are those since its record
// before.
std::string flow_record_json(const FlowRecordHead &head, const Flow &flow);

std::string explanation_text(const Explanation &explanation, bool colour);
std::string explanation_json(const Explanation &explanation);

// An object: the host's name (empty: null) and the time, in ns since the epoch.
std::string host_json(const std::string &host, std::uint64_t time);

std::string diagnostics_json(const Diagnostics &diagnostics);

std::string diff_text(const std::vector<Change> &changes, const std::vector<FlowChange> &flows);
std::string diff_json(const std::vector<Change> &changes, const std::vector<FlowChange> &flows);

// `now`: ns since the epoch. A ban that was never created is in force, but not in the list.
std::string ban_json(const Ban &ban, std::uint64_t now);

// The ports of a flow; empty where the protocol has none. `local`: of the two sides.
std::string flow_port(const pm_flow_key &key, bool local);

}  // namespace pm::show
