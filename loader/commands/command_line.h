// SPDX-License-Identifier: Apache-2.0
// The options of all commands, read by CLI11.
#pragma once

namespace pm::command {

// Reads the words, runs the command that they name, and returns the exit status. What is wrong with
// them is printed; after a command that changes something, so is what stays in force.
int run_command_line(int count, char **words);

}  // namespace pm::command
