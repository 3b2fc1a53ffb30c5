// SPDX-License-Identifier: Apache-2.0
// What only the state folder knows of the interfaces, for `status` and `doctor`: what their NICs
// were when the policy was confirmed, and which of them are not in force.
#pragma once

#include "loader/kernel/deployment.h"
#include "loader/observe/snapshot.h"

namespace pm::command {

// Adds that to the snapshot: hardware addresses, why something is closed, and interfaces that have
// no number. Nothing, if what was stored cannot be read.
void add_nic_notes(const Deployment &deployment, Snapshot &snapshot);

// The interfaces of the confirmed generation, where none is in force. Empty: nothing was confirmed.
std::vector<InterfaceStatus> confirmed_interfaces();

}  // namespace pm::command
