// SPDX-License-Identifier: Apache-2.0
// The options of the commands that show traffic: flows and drops.
#pragma once

#include <CLI/CLI.hpp>

#include "loader/commands/commands.h"

namespace pm::command {

void add_flows_options(CLI::App *verb, FlowsArguments &flows);
void add_drops_options(CLI::App *verb, DropsArguments &drops);
void add_monitor_options(CLI::App *verb, MonitorArguments &monitor);
void add_top_options(CLI::App *verb, TopArguments &top);
void add_droplog_options(CLI::App *verb, DropLogArguments &droplog);

}  // namespace pm::command
