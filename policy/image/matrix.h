// SPDX-License-Identifier: Apache-2.0
// The matrix decided: which row each (zone, direction, local class, pair, peer class) is
// credited to. What compile writes into the image and check looks for shadowed rows in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/image/intervals.h"
#include "policy/image/pairs.h"
#include "policy/model/model.h"

namespace pm {

inline constexpr std::size_t max_decisions = 65535;

// From peer class `first` up to where the next one starts.
struct CellRun {
    std::uint16_t first = 0;
    std::uint16_t cell = 0;  // as in the image

    bool operator==(const CellRun &) const = default;
};

// Rows that compete for the same packets, with the service that decides among them.
struct Contest {
    RowNumbers rows;
    std::uint16_t decision = 0;
    std::uint8_t families = 0;  // that such packets can have
};

struct Matrix {
    Intervals peers;  // set 0: what `block` lists
    Intervals locals;
    std::vector<std::uint16_t> peer_sets;   // by row: its set in `peers`; 0 if switched off
    std::vector<std::uint8_t> local_flags;  // by class of `locals`: enum pm_local_flag
    Pairs pairs;
    std::size_t zones = 1;
    std::vector<std::uint16_t> decisions;     // [zone][direction][local class][pair]
    std::vector<std::vector<CellRun>> cells;  // by service
    std::vector<Contest> contests;
};

// `size_limit` bounds what the tables may take, in bytes. The error is a sentence for the user
// that names the limit.
tl::expected<Matrix, std::string> build_matrix(const Policy &policy, std::size_t size_limit);

}  // namespace pm
