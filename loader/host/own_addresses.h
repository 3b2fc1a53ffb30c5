// SPDX-License-Identifier: Apache-2.0
// The addresses that this network namespace has now.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

struct OwnAddress {
    std::string interface;
    Address address;
};

Result<std::vector<OwnAddress>> own_addresses();

}  // namespace pm
