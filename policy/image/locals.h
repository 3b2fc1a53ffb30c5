// SPDX-License-Identifier: Apache-2.0
// The sets of local addresses that a policy names, and where each of them counts:
//
//   on which interfaces (a zone is one of the policy's interfaces, or all of them where it names
//   none; after these there may be one for closed interfaces: every role is placed there, but only
//   failsafe rows exist)
//   for flows of which direction
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "maps/lookup.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

struct Locals {
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::size_t zones = 1;
    std::deque<AddressSet> sets;
    std::vector<bool> own;  // by set: listed for a role, so that its addresses are this host's
    // By zone and direction (index()): the sets of the roles that are placed there.
    std::vector<std::vector<std::uint32_t>> present;
    // By zone, by row: the set of its local side, or none where the row does not exist.
    std::vector<std::vector<std::uint32_t>> row_sets;

    static std::size_t index(std::size_t zone, Direction direction) {
        return zone * 2 + static_cast<std::size_t>(direction);
    }
};

enum class ClosedZone { absent, present };
Locals find_locals(const Policy &policy, ClosedZone closed);

// The zone of closed interfaces, where the policy names so many interfaces.
constexpr std::size_t closed_zone(std::size_t named_zones) {
    return named_zones == 0 ? 1 : named_zones;
}

// Is the interface that has a number in the image a closed one?
bool is_closed(pm_view image, unsigned number);

// The name of a zone's interface; empty where the policy names no interfaces.
const std::string &zone_name(const Policy &policy, std::size_t zone);

// The name of the interface that has a number in the image; empty where the policy does not
// name it.
const std::string &interface_name(const Policy &policy, pm_view image, unsigned number);

}  // namespace pm
