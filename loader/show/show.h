// SPDX-License-Identifier: Apache-2.0
// Plain data to text for people and to JSON Lines for scripts. Every text ends with a newline,
// or is empty.
#pragma once

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

std::string status_text(const Snapshot &snapshot, bool colour);
std::string status_json(const Snapshot &snapshot);

std::string flows_text(const std::vector<Flow> &flows, bool colour);
std::string flow_json(const Flow &flow);  // a line

// A line for a collector: `flow` with what came since the line before, its ports as numbers; the
// event is "update" or "end", the reason a word. Times in ms since 1970.
std::string flow_record_json(const Flow &flow, const char *event, const char *reason,
                             std::uint64_t time, std::uint64_t start, std::uint64_t last);

std::string explanation_text(const Explanation &explanation, bool colour);
std::string explanation_json(const Explanation &explanation);

std::string findings_json(const Diagnostics &diagnostics);

std::string diff_text(const std::vector<Change> &changes, const std::vector<FlowChange> &flows);
std::string diff_json(const std::vector<Change> &changes, const std::vector<FlowChange> &flows);

// `now`: seconds since the epoch.
std::string ban_json(const Ban &ban, std::uint64_t now);

const char *attachment_kind(pm_attachment attachment);  // "xdp", "tcx", "clsact"; nullptr: none
const char *attachment_mode(pm_attachment attachment);  // of XDP: "native", "generic"; else nullptr
const char *direction_name(unsigned direction);         // "in", "out", of either enum

// The ports of a flow; empty where the protocol has none. `local`: of the two sides.
std::string flow_port(const pm_flow_key &key, bool local);

// "tcp,udp" as a list.
std::vector<std::string> split_list(const std::string &text);

}  // namespace pm::show
