// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "loader/doctor/findings.h"
#include "loader/own/roles_on_host.h"
#include "policy/model/model.h"

namespace pm {

// Do the roles of the policy in force fit the addresses that this host has now?
void examine_roles(const Policy &policy, const std::vector<PolicyInterface> &interfaces,
                   Findings &findings);

}  // namespace pm
