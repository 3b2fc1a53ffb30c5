// SPDX-License-Identifier: Apache-2.0
#include "policy/image/dated.h"

#include <algorithm>

namespace pm {

std::vector<std::uint64_t> begins_of_eras(const Policy &policy, const RowNumbers &rows) {
    std::set<std::uint64_t> begins{0};
    for (const std::uint16_t row : rows) begins.insert(policy.rows[row].expires);
    return {begins.begin(), begins.end()};
}

std::uint16_t DatedLists::cell_of(const DatedCells &list) {
    if (list.size() == 1) return list[0].cell;
    // Where there are too many the number is of no use: the policy is refused.
    const auto next = static_cast<std::uint16_t>(lists_.size() % PM_DATED_MAX);
    const auto [entry, is_new] = numbers_.try_emplace(list, next);
    if (is_new) {
        lists_.push_back(list);
        entries_ += list.size();
    }
    return static_cast<std::uint16_t>(PM_CELL_DATED | entry->second);
}

std::vector<CellRun> DatedLists::merge(const std::vector<Era> &eras) {
    if (eras.size() == 1) return eras[0].runs;
    std::set<std::uint16_t> firsts;
    for (const Era &era : eras)
        for (const CellRun &run : era.runs) firsts.insert(run.first);
    std::vector<CellRun> merged;
    std::vector<std::size_t> at(eras.size(), 0);
    for (const std::uint16_t first : firsts) {
        DatedCells list;
        for (std::size_t i = 0; i < eras.size(); ++i) {
            const std::vector<CellRun> &runs = eras[i].runs;
            if (at[i] + 1 < runs.size() && runs[at[i] + 1].first <= first) ++at[i];
            if (list.empty() || list.back().cell != runs[at[i]].cell)
                list.push_back({eras[i].from, runs[at[i]].cell});
        }
        const std::uint16_t cell = cell_of(list);
        if (merged.empty() || merged.back().cell != cell) merged.push_back({first, cell});
    }
    return merged;
}

}  // namespace pm
