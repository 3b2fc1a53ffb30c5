// SPDX-License-Identifier: Apache-2.0
// The policy file that the service applies where nothing was ever confirmed.
#pragma once

#include <optional>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm::command {

// It names no interface, and nothing is attached or confirmed: no further attempt mends that. The
// hint has the line to write. Nothing: the service can do something, or there is no such file.
std::optional<Fault> nothing_to_filter(const Paths &paths);

}  // namespace pm::command
