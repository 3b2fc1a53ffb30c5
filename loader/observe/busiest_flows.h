// SPDX-License-Identifier: Apache-2.0
// The busiest flows: how fast each counts between two walks through the flow tables. Walks of
// large tables are dear, so they are far apart, and no more than some hundred flows are kept whole.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "loader/observe/snapshot.h"

namespace pm {

class BusyFlows {
public:
    explicit BusyFlows(std::size_t most) : most_(most) {}

    // One flow after the other, then end_walk(). `seconds` from any fixed time.
    void begin_walk(double seconds);
    void add(const pm_flow_key &key, const pm_flow &value, std::uint64_t age);
    void end_walk();

    struct Busy {
        pm_flow_key key;
        pm_flow value;
        double packets, bytes;
    };
    const std::vector<Busy> &busiest() const { return busiest_; }  // most bytes a second first

private:
    struct Count {
        std::uint64_t flow;  // a hash of its key
        std::uint64_t packets, bytes;
        bool operator<(const Count &other) const { return flow < other.flow; }
    };
    const Count *before(std::uint64_t flow) const;

    std::size_t most_;
    std::vector<Count> last_, now_;  // sorted by flow
    std::vector<Busy> busiest_, found_;
    double time_ = 0, elapsed_ = 0;
    bool walked_ = false;
};

}  // namespace pm
