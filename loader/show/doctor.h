// SPDX-License-Identifier: Apache-2.0
// What `doctor` found: text for people, each remedy below its finding, or JSON Lines (json.cpp).
#pragma once

#include <string>
#include <vector>

#include "loader/doctor/findings.h"

namespace pm::show {

std::string findings_text(const std::vector<Finding> &findings, bool colour);
std::string findings_json(const std::vector<Finding> &findings);
const char *grade_name(Finding::Grade grade);  // "ok", "note", "warning", "wrong"

}  // namespace pm::show
