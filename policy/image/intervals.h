// SPDX-License-Identifier: Apache-2.0
// The address space, cut into intervals at the bounds of a list of sets. Addresses that the same
// of these sets hold have the same class. With the sets A = 10.0.0.0/8 and B = 10.1.0.0/16:
//
//   from 0.0.0.0   10.0.0.0   10.1.0.0   10.2.0.0   11.0.0.0
//   in   no set    A          A and B    A          no set
//
// are five intervals of three classes. The programs find the interval of an address by a search,
// and need only its class from there on: however large the sets are, a packet costs the same.
// write_intervals.h writes them into the image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "maps/lookup.h"
#include "policy/model/address.h"

namespace pm {

inline constexpr std::size_t max_classes = 65535;
inline constexpr std::size_t max_intervals = std::size_t{1} << PM_SEARCH_STEPS;

enum Families : std::uint8_t { family_v4 = 1, family_v6 = 2, both_families = 3 };

// From `first` up to where the next one starts.
struct Interval {
    Address first;
    std::uint16_t class_ = 0;
};

// The classes from `first` up to and without `last`.
struct ClassRun {
    std::uint32_t first, last;
};

struct Intervals {
    std::vector<Interval> v4, v6;  // in order; v6 covers ::/0, v4 ::ffff:0:0/96
    // By class: the sets that hold it, ascending, and the families in which it occurs. Classes are
    // numbered so that those of one set are few runs; those of set 0 are one run.
    std::vector<std::vector<std::uint16_t>> members;
    std::vector<std::uint8_t> families;
    std::vector<std::vector<ClassRun>> runs;  // by set

    std::size_t classes() const { return members.size(); }
};

// At most 65,535 sets. The error names the limit and the figure; `what` says whose sets
// ("peer", "edge").
tl::expected<Intervals, std::string> find_intervals(const std::vector<const AddressSet *> &sets,
                                                    const std::string &what);

}  // namespace pm
