// SPDX-License-Identifier: Apache-2.0
// Reads the intervals and ports of a compiled image back, for whole ranges of addresses or ports.
// maps/lookup.h can look up only one at a time.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "maps/lookup.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

// The classes that addresses of the range have among the peers, or the local addresses, of the
// image. Bounds are checked: a damaged image gives fewer.
std::set<std::uint16_t> classes_in(pm_view view, const pm_classes &table, const Range &range);

// The class of every address, in order and without gaps: of IPv4, then of IPv6.
struct ClassRange {
    Range range;
    std::uint16_t class_;
};
std::vector<ClassRange> class_ranges(pm_view view, const pm_classes &table);
// An address of each class, of both families; where a class has several ranges, one of each of the
// first few.
std::vector<Address> example_addresses(pm_view view, const pm_classes &table);

// The number of the rows' class that a destination port of TCP or UDP has: equal for ports that
// the same rows have.
std::uint16_t port_class(pm_view image, std::uint8_t transport, std::uint16_t port);

// The ranges of source ports between which rows with this destination port may differ, in order.
std::vector<PortRange> source_port_runs(pm_view image, std::uint8_t transport, std::uint16_t port);

// Does the range hold an own address of the policy, listed in a role?
bool holds_own_address(pm_view image, const Range &range);

// The numbers of failsafe rows that some peer address of the range may use.
std::set<std::uint32_t> failsafe_rows_for(pm_view image, const Range &range);

}  // namespace pm
