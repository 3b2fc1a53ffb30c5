// SPDX-License-Identifier: Apache-2.0
// The live flows as plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "loader/kernel/deployment.h"
#include "maps/abi.h"

namespace pm {

struct Flow {
    std::string interface;
    std::string row;  // id; empty: its row has left the policy, and no packet has come since
    pm_flow_key key = {};
    pm_flow value = {};
    const char *state = "";           // a word for people, see flow_state()
    std::uint64_t age = 0, idle = 0;  // seconds
};

// The live flows: not expired, moved or cut. An entry that changes while the tables are walked may
// be missed, or be seen as it was.
class FlowReader {
public:
    // `deployment` must outlive it. `names` as in read_snapshot().
    static Result<FlowReader> open(const Deployment &deployment,
                                   const std::vector<std::string> &names);

    using Visit = std::function<void(const pm_flow_key &, const pm_flow &)>;
    Done each(const Visit &visit) const;
    Flow describe(const pm_flow_key &key, const pm_flow &value) const;
    std::string row(std::uint16_t slot) const;      // of a counter slot; empty as in Flow
    std::uint64_t age(const pm_flow &value) const;  // seconds
    std::string interface(unsigned number) const;
    std::uint64_t capacity() const { return capacity_; }  // of the tables together

private:
    explicit FlowReader(const Pins &pins) : pins_(&pins) {}

    const Pins *pins_;
    std::map<unsigned, std::string> interfaces_, rows_;
    std::uint64_t capacity_ = 0;
    std::uint32_t now_ = 0;
};

}  // namespace pm
