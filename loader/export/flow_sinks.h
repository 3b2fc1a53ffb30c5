// SPDX-License-Identifier: Apache-2.0
// Where flow records go: IPFIX over UDP (ipfix_sink.cpp), and lines of JSON (json_flows.cpp).
#pragma once

#include <memory>
#include <string>

#include "loader/export/walker.h"

namespace pm::exporter {

// "192.0.2.1:4739", "[2001:db8::1]:4739", "collector.example:4739".
Result<std::unique_ptr<FlowSink>> open_ipfix(const std::string &target);

// Appends to a file; "-": stdout. The file is opened anew for each walk, so that others can rename
// it (logrotate) at any time.
Result<std::unique_ptr<FlowSink>> open_json_flows(const std::string &path);

}  // namespace pm::exporter
