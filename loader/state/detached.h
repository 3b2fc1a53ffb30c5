// SPDX-License-Identifier: Apache-2.0
// Interfaces that were detached by command: `watch` leaves them alone. The run folder keeps their
// names until a policy is put in force on them, or the next boot.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

std::vector<std::string> detached_names(const Paths &paths);
std::vector<std::string> without_detached(const Paths &paths, std::vector<std::string> names);
Done set_detached_names(const Paths &paths, const std::vector<std::string> &names);

}  // namespace pm
