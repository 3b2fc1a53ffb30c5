// SPDX-License-Identifier: Apache-2.0
// Rows with a date, among rows that compete. Between two dates all is as if there were none: that
// is an era. So each era is decided by itself, and where eras differ, the cell is a list by time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "policy/image/matrix.h"
#include "policy/image/pairs.h"
#include "policy/model/model.h"

namespace pm {

struct Era {
    std::uint64_t from;  // ns of UTC
    std::vector<CellRun> runs;
};

// When eras begin among these rows: 0, and each date of theirs, in order.
std::vector<std::uint64_t> begins_of_eras(const Policy &policy, const RowNumbers &rows);

// Is the row as if it were not there for what begins at this time or later?
inline bool is_past(const Row &row, std::uint64_t time) {
    return row.expires != 0 && row.expires <= time;
}

// The lists of an image, each once.
class DatedLists {
public:
    explicit DatedLists(std::vector<DatedCells> &lists) : lists_(lists) {}

    // The runs of all eras in one.
    std::vector<CellRun> merge(const std::vector<Era> &eras);
    bool too_many() const { return lists_.size() > PM_DATED_MAX; }
    std::size_t entries() const { return entries_; }

private:
    std::uint16_t cell_of(const DatedCells &list);

    std::vector<DatedCells> &lists_;
    std::map<DatedCells, std::uint16_t> numbers_;
    std::size_t entries_ = 0;
};

}  // namespace pm
