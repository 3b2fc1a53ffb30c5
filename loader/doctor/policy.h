// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "loader/base/paths.h"
#include "loader/doctor/findings.h"
#include "loader/kernel/pins.h"
#include "loader/observe/snapshot.h"

namespace pm {

// The policy in force and its flow tables. `snapshot` is null if what is in force cannot be read.
void examine_policy(const Paths &paths, const Pins &pins, const Snapshot *snapshot,
                    Findings &findings);

// NICs of the policy that are not as they were confirmed, and devices that are closed.
void examine_nics(const Snapshot &snapshot, Findings &findings);

// Those of `ports` that lie within first-last and are not in `reserved`. Ports are
// written as "50000-59999,60999".
std::string unreserved_ports(const std::string &ports, const std::string &reserved, unsigned first,
                             unsigned last);

}  // namespace pm
