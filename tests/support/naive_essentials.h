// SPDX-License-Identifier: Apache-2.0
// What the oracle takes for essential, of a packet alone (naive.h).
#pragma once

#include <optional>

#include "tests/support/naive_parse.h"
#include "tests/support/verdict.h"

namespace pm::naive {

test::Verdict see_arp(Frame frame, const Headers &headers);
test::Verdict see_slow(Frame frame, const Headers &headers);

// Neighbour and router discovery, and MLD. Nothing: it is another type.
std::optional<test::Verdict> see_icmpv6(const Headers &headers);

// An essential that no router passes on: ARP, LACP, and what is about neighbours and groups.
bool is_of_link(const Headers &headers);

// Is the IGMP message whole, and sent where its RFC says?
bool is_igmp(Frame frame, const Headers &headers);

}  // namespace pm::naive
