// SPDX-License-Identifier: Apache-2.0
// Random packets where faults are likely: at the edges of sets and port ranges, with broken
// headers, or nearly belonging to a flow.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/model/model.h"
#include "tests/support/packet.h"
#include "tests/support/random.h"

namespace pm::test {

// The ends of a flow as this host sees it.
struct FlowEnds {
    Direction opener = Direction::in;
    std::uint8_t protocol = 6;
    Address local, remote;
    std::uint16_t local_port = 1, remote_port = 1;  // echo: the identifier is local_port
};

// A flow that a row permits or nearly permits: each end may lie one step beside.
FlowEnds random_ends(Random &random, const Policy &policy);

// The first bytes of a protocol that payload checks know: whole, cut or broken.
Bytes random_payload(Random &random);

// Addresses to ban: some of those that the flows come from.
AddressSet random_bans(Random &random, const std::vector<FlowEnds> &flows);

struct Sent {
    Direction direction = Direction::in;
    Bytes bytes;
};

// A packet of the flow, from either end, mostly well-formed.
Packet packet_of(Random &random, const FlowEnds &ends, Direction direction);

// Any packet, whole or broken, that a program can be run with.
Sent random_packet(Random &random, const Policy &policy);

}  // namespace pm::test
