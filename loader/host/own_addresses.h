// SPDX-License-Identifier: Apache-2.0
// The addresses that this network namespace has now.
#pragma once

#include <string>
#include <vector>

#include "policy/model/address.h"

namespace pm {

struct OwnAddress {
    std::string interface;
    Address address;
};

// Empty if the kernel cannot be asked.
std::vector<OwnAddress> own_addresses();

}  // namespace pm
