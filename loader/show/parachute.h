// SPDX-License-Identifier: Apache-2.0
// The parachute in `status`, and what it must close in `check --parachute`.
#pragma once

#include <string>
#include <vector>

#include "loader/parachute/note.h"
#include "loader/parachute/render.h"

namespace pm::show {

// Is the table in the kernel? The exporter cannot ask, and believes a note that is not old.
enum class ParachuteTable { loaded, gone, unknown };

// What stands above all else.
std::string parachute_text(const parachute::Note &note, ParachuteTable state);

// As status_json() has it: a line for each interface that the programs do not filter; if none of
// the policy exists, one whose interface is null.
std::string parachute_json(const parachute::Note &note, ParachuteTable state);

std::string closed_rows_text(const std::vector<parachute::ClosedRow> &rows);
std::string closed_rows_json(const std::vector<parachute::ClosedRow> &rows);

}  // namespace pm::show
