// SPDX-License-Identifier: Apache-2.0
// What a policy that is not in force would do to the flows that are live now.
#pragma once

#include "loader/observe/flow_reader.h"
#include "loader/observe/snapshot.h"
#include "policy/model/model.h"

namespace pm {

struct FlowChange {
    Flow flow;                        // with the row that it has in force
    pm_reason reason = PM_UNDECIDED;  // it would be cut for; undecided: it stays
    std::string row;                  // that it would be credited to, where it stays
};

// The live flows that `policy` would cut or credit to another row, judged by its image and by the
// one in force as the programs would at each flow's next packet, bans included. What is in force
// cuts by itself is no change.
Result<std::vector<FlowChange>> diff_flows(const Deployment &deployment, const Policy &policy);

}  // namespace pm
