// SPDX-License-Identifier: Apache-2.0
// What a policy that is not in force would do to the flows that are live now.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/flow_reader.h"
#include "maps/image.h"
#include "policy/model/model.h"

namespace pm {

struct FlowChange {
    Flow flow;                        // its row is that of the policy in force
    pm_reason reason = PM_UNDECIDED;  // why it would be cut; undecided: it would go on
    std::string row;                  // where it would go on: the row that would count it
};

// The live flows that `policy` would cut or credit to another row. Each is judged, bans included,
// as the programs would judge its next packet: once by the image in force, once by that of
// `policy`. Flows that the policy in force itself cuts are left out.
Result<std::vector<FlowChange>> diff_flows(const Deployment &deployment, const Policy &policy);

// How many live flows pass by what is in force, and would not by this image and these bans. To be
// asked before these are in force: a flow that is cut already is not counted.
Result<std::uint64_t> count_cut_flows(const Deployment &now, pm_view image, pm_view bans);

}  // namespace pm
