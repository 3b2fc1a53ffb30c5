// SPDX-License-Identifier: Apache-2.0
// The options of the verbs that compare and look back.
#pragma once

#include <CLI/CLI.hpp>

#include "loader/commands/commands.h"

namespace pm::command {

void add_options(CLI::App *verb, DiffArguments &diff);
void add_options(CLI::App *verb, ShowArguments &show);
void add_options(CLI::App *verb, AuditArguments &audit);
void add_options(CLI::App *verb, HistoryArguments &history);
void add_options(CLI::App *verb, RollbackArguments &rollback);

}  // namespace pm::command
