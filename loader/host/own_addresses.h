// SPDX-License-Identifier: Apache-2.0
// The addresses that this network namespace has now.
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
    std::uint32_t index = 0;  // of the interface
    Prefix subnet;            // on its link; of a point-to-point interface the peer's
    bool is_in_use = true;    // IPv6: not one that is, or was in vain, checked for duplicates
};

Result<std::vector<OwnAddress>> own_addresses();

}  // namespace pm
