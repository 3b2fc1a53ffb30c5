// SPDX-License-Identifier: Apache-2.0
// Sums of the live flows by peer, by its prefix, by port or by row.
//
// They are exact: what is summed are the flow tables themselves, so there are at most as many sums
// as the tables have entries. What has left the tables is in no sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "loader/observe/busiest_flows.h"
#include "loader/observe/flow_reader.h"
#include "maps/abi.h"
#include "policy/model/address.h"

namespace pm {

enum class SumBy { peer, prefix, port, row };  // prefix: /24 of IPv4, /64 of IPv6

struct FlowSum {
    // Of what: an address, which begins a prefix; a port and a protocol; a counter slot.
    struct Of {
        std::uint64_t high = 0, low = 0;
        bool operator==(const Of &) const = default;
    } of;
    std::uint64_t flows = 0;
    std::uint64_t packets[2] = {}, bytes[2] = {};  // by pm_direction
    FlowRate rate = {};
};

// Its name in text and JSON.
struct FlowSumName {
    std::string name;       // "198.51.100.7", "198.51.100.0/24", "5061", a row's id; empty: none
    std::string transport;  // of a port
};
FlowSumName name_of(SumBy by, const FlowSum &sum, const FlowReader &reader);

class FlowSums {
public:
    explicit FlowSums(SumBy by) : by_(by) {}

    void add(const pm_flow_key &key, const pm_flow &flow, const FlowRate &rate = {});

    enum class Order { bytes, packets, flows, rate };                    // rate: of bytes
    std::vector<FlowSum> largest(Order order, std::size_t limit) const;  // limit 0: all

private:
    struct Hash {
        std::size_t operator()(const FlowSum::Of &of) const;
    };

    SumBy by_;
    std::unordered_map<FlowSum::Of, FlowSum, Hash> sums_;
};

}  // namespace pm
