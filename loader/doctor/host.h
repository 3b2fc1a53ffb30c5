// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loader/base/paths.h"
#include "loader/doctor/findings.h"

namespace pm {

// The kernel and its settings, privileges, folders, routing, other firewalls.
void examine_host(const Paths &paths, Findings &findings);

}  // namespace pm
