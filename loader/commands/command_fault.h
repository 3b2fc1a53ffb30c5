// SPDX-License-Identifier: Apache-2.0
// What was wrong in the words of a command line, said with the nearest word that exists and with
// the help of the command that was meant.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "loader/base/fault.h"

namespace pm::command {

Fault fault_of(const CLI::App &app, const CLI::ParseError &error);

// `help`, `help COMMAND` and `COMMAND help` become what the library knows. `words`: without the
// name of the program.
std::vector<std::string> with_help_option(std::vector<std::string> words);

}  // namespace pm::command
