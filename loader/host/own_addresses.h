// SPDX-License-Identifier: Apache-2.0
// What this network namespace says of addresses now: its own, and those of its neighbours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

struct OwnAddress {
    std::string interface;
    Address address;
    std::uint32_t index = 0;     // of the interface
    Prefix subnet;               // on its link; of a point-to-point interface the peer's
    bool is_in_use = true;       // IPv6: not one that is, or was in vain, checked for duplicates
    bool is_deprecated = false;  // not for new connections
    bool is_temporary = false;   // RFC 8981: made up, and replaced after a while
};

Result<std::vector<OwnAddress>> own_addresses();

// What the routes give to this host itself: its own addresses, and prefixes with a route of the
// type "local". Of a single address the prefix has its full length.
Result<std::vector<Prefix>> local_prefixes();

struct Neighbour {
    std::uint32_t interface = 0;  // index
    Address address;
    bool is_gateway = false;  // on the way to the Internet
};
// Gateways, and the neighbours that answered or that somebody wrote down. One may come twice.
Result<std::vector<Neighbour>> neighbours();

}  // namespace pm
