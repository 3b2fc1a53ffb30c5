// SPDX-License-Identifier: Apache-2.0
// The decided matrix: to which row each packet is credited, as a table instead of a list of rows.
//
//   zone         the interface, by the names of the policy (locals.h)
//   local class  which sets of local addresses hold the address of this host (intervals.h)
//   pair         which rows have the protocol and the ports (pairs.h)
//   peer class   which sets of peers hold the other address
//
// The rows that a (zone, direction, local class, pair) leaves in question compete: a contest. The
// decision of a contest has a cell for each peer class: the first row that permits, or none, or
// blocked. Where dates of rows decide, it names a list by time (dated.h). compile.cpp writes the
// tables into the image; check/credit looks in the contests for rows to which no packet is
// credited.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/image/intervals.h"
#include "policy/image/locals.h"
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

// A cell for flows that begin at `from` (ns of UTC) or later, up to where the next one counts. Such
// a list begins at 0.
struct DatedCell {
    std::uint64_t from = 0;
    std::uint16_t cell = 0;  // PM_CELL_NONE or a row

    auto operator<=>(const DatedCell &) const = default;
};
using DatedCells = std::vector<DatedCell>;

// Rows that compete for the same packets, and the number of the decision among them.
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
    std::vector<std::vector<CellRun>> cells;  // by decision
    std::vector<DatedCells> dated;            // lists that cells with PM_CELL_DATED name
    std::vector<Contest> contests;
};

// `size_limit` bounds what the tables may take, in bytes. The error is a sentence for the user
// that names the limit.
tl::expected<Matrix, std::string> build_matrix(const Policy &policy, std::size_t size_limit,
                                               ClosedZone closed = ClosedZone::absent);

}  // namespace pm
