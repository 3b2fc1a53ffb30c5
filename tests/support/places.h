// SPDX-License-Identifier: Apache-2.0
// Tells programs under test where addresses are, seen from the interface that they filter.
#pragma once

#include <stdexcept>
#include <vector>

#include "loader/kernel/map.h"
#include "loader/own/places.h"
#include "maps/abi.h"
#include "maps/places.h"
#include "tests/support/addresses.h"

namespace pm::test {

inline void write_test_places(const Maps &maps, unsigned interface) {
    std::vector<Place> places;
    const auto add = [&](unsigned number, const AddressSet &set, std::uint32_t flags) {
        for (const Prefix &one : set.prefixes()) places.push_back({number, one, flags});
    };
    add(interface, addresses_on_link(), PM_PLACE_ON_LINK);
    add(interface, own_addresses_of_test(), PM_PLACE_OWN);
    add(interface, routed_addresses_of_test(), PM_PLACE_ROUTED);
    add(interface, addresses_that_stay_in_test(), PM_PLACE_STAYS);
    add(interface + 1, addresses_on_other_link(), PM_PLACE_ON_LINK | PM_PLACE_OWN);
    if (auto done = write_places(maps, places); !done)
        throw std::runtime_error(done.error().message);
}

// The device that the policy means by the interface.
inline void name_test_device(const Maps &maps, unsigned interface, std::uint32_t ifindex) {
    pm_interface named = {};
    named.ifindex = ifindex;
    auto interfaces = Map<std::uint32_t, pm_interface>::of(maps, "interfaces");
    if (!interfaces || !interfaces->put(interface, named))
        throw std::runtime_error("cannot write the map 'interfaces'");
}

}  // namespace pm::test
