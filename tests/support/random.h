// SPDX-License-Identifier: Apache-2.0
// Random policies and packets, drawn where faults live: at the edges of sets and port ranges,
// in broken headers, in packets that nearly belong to a flow. One seed gives one sequence.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <vector>

#include "policy/model/model.h"
#include "tests/support/packet.h"

namespace pm::test {

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    std::uint64_t bits() { return engine_(); }
    std::uint32_t below(std::uint32_t limit) {  // limit > 0
        return static_cast<std::uint32_t>((engine_() >> 32) * limit >> 32);
    }
    int between(int first, int last) {
        return first + static_cast<int>(below(static_cast<std::uint32_t>(last - first + 1)));
    }
    bool chance(unsigned percent) { return below(100) < percent; }

    template <class T>
    const T &pick(const std::vector<T> &all) {
        return all[below(static_cast<std::uint32_t>(all.size()))];
    }
    int pick(std::initializer_list<int> all) {
        return all.begin()[below(static_cast<std::uint32_t>(all.size()))];
    }

private:
    std::mt19937_64 engine_;
};

Policy random_policy(Random &random);

// A policy that differs a little: rows gone, moved or added, a set blocked.
Policy changed_policy(Random &random, const Policy &policy);

// The ends of a flow as this host sees it.
struct FlowEnds {
    Direction opener = Direction::in;
    std::uint8_t protocol = 6;
    Address local, remote;
    std::uint16_t local_port = 1, remote_port = 1;  // echo: the identifier is local_port
};

// A flow that a row permits, or nearly: each end may be one step beside.
FlowEnds random_ends(Random &random, const Policy &policy);

// The first bytes of what is spoken on such rows, whole, cut or broken.
Bytes random_payload(Random &random);

// Addresses to ban: some of those that the flows come from.
AddressSet random_bans(Random &random, const std::vector<FlowEnds> &flows);

struct Sent {
    Direction direction = Direction::in;
    Bytes bytes;
};

// A packet of the flow, from either end, mostly well-formed.
Packet packet_of(Random &random, const FlowEnds &ends, Direction direction);

// Any packet, in any state of repair, that a program can be run with.
Sent random_packet(Random &random, const Policy &policy);

}  // namespace pm::test
