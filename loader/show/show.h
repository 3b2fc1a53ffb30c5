// SPDX-License-Identifier: Apache-2.0
// Plain data to text for people and to JSON Lines for scripts. Every text ends with a newline,
// or is empty.
#pragma once

#include <string>
#include <vector>

#include "loader/explain.h"
#include "loader/snapshot.h"
#include "policy/diagnostic.h"
#include "policy/model.h"

namespace pm::show {

std::string matrix_text(const Policy &policy, bool colour);

std::string status_text(const Snapshot &snapshot, bool colour);
std::string status_json(const Snapshot &snapshot);

std::string flows_text(const std::vector<Flow> &flows, bool colour);
std::string flows_json(const std::vector<Flow> &flows);

std::string explanation_text(const Explanation &explanation, bool colour);
std::string explanation_json(const Explanation &explanation);

std::string findings_json(const Diagnostics &diagnostics);

const char *attachment_kind(pm_attachment attachment);  // "xdp", "tcx", "clsact"; nullptr: none
const char *attachment_mode(pm_attachment attachment);  // of XDP: "native", "generic"
const char *direction_name(unsigned direction);         // "in", "out", of either enum
std::string time_text(std::uint64_t ns);                // RFC 3339, UTC, of ns since the epoch

// The ports of a flow; empty where the protocol has none. `local`: of the two sides.
std::string flow_port(const pm_flow_key &key, bool local);

// "tcp,udp" as a list.
std::vector<std::string> split_list(const std::string &text);

}  // namespace pm::show
