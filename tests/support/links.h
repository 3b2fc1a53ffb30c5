// SPDX-License-Identifier: Apache-2.0
// Tells programs under test which addresses are on the link of the interface that they filter.
#pragma once

#include <stdexcept>
#include <vector>

#include "loader/attach/subnets.h"
#include "tests/support/addresses.h"

namespace pm::test {

inline void write_links(const Maps &maps, unsigned interface) {
    std::vector<Subnet> subnets;
    for (const Prefix &one : addresses_on_link().prefixes()) subnets.push_back({interface, one});
    for (const Prefix &one : addresses_on_other_link().prefixes())
        subnets.push_back({interface + 1, one});
    if (auto done = write_subnets(maps, subnets); !done)
        throw std::runtime_error(done.error().message);
}

}  // namespace pm::test
