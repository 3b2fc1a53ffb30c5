// SPDX-License-Identifier: Apache-2.0
// A compiled policy that is to be put in force, and where.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/attach/targets.h"
#include "policy/image/compile.h"

namespace pm {

struct Candidate {
    Image image;  // compiled with Rollout::compile_options()
    std::vector<Target> targets;
    std::vector<Device> without_number = {};  // to be closed otherwise, see known_targets.h
    bool closes = true;                       // false: it is an audit, which drops nothing
    std::uint32_t flow_capacity = 65536;
    XdpMode xdp = XdpMode::automatic;
    Extent extent = Extent::all_or_none;
};

}  // namespace pm
