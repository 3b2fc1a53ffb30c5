// SPDX-License-Identifier: Apache-2.0
// Gives rows their counters. A row keeps its counters as long as its id stays.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace pm {

// The counter slot of each row id: its own if `known` has one, else the next free one above
// `last`, around the end. Slots of ids that are gone count as taken, since the policy in force
// still counts in them.
tl::expected<std::vector<std::uint16_t>, std::string> assign_slots(
    const std::vector<std::string> &ids, const std::map<std::string, std::uint16_t> &known,
    std::uint16_t last);

}  // namespace pm
