// SPDX-License-Identifier: Apache-2.0
// The busiest flows, by how fast each counted between two walks through the flow tables. A table
// can have millions of flows: of each walk only the counts are kept, and only the busiest flows
// whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "maps/abi.h"

namespace pm {

// A second.
struct FlowRate {
    double packets = 0, bytes = 0;
};

class BusiestFlows {
public:
    // Keeps `most` flows.
    explicit BusiestFlows(std::size_t most) : most_(most) {}

    // A walk: begin, add() each flow, end. `seconds`: since any fixed time. `age` of the flow in
    // seconds: a flow that the walk before did not see counts over its age.
    void begin_walk(double seconds);
    FlowRate add(const pm_flow_key &key, const pm_flow &value, std::uint64_t age);
    void end_walk();

    struct Busy {
        pm_flow_key key;
        pm_flow value;
        double packets, bytes;  // a second
    };
    const std::vector<Busy> &busiest() const { return busiest_; }  // by bytes a second, most first

private:
    struct Count {
        std::uint64_t flow;  // a hash of its key
        std::uint64_t packets, bytes;
    };
    const Count *last_count(std::uint64_t flow) const;

    std::size_t most_;
    std::vector<Count> last_, now_;  // sorted by flow
    std::vector<Busy> busiest_, found_;
    double time_ = 0, elapsed_ = 0;
    bool walked_ = false;
};

}  // namespace pm
