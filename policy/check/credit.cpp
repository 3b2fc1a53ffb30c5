// SPDX-License-Identifier: Apache-2.0
// Looks, in every contest, at the cells of the peers that each row permits.
#include "policy/check/credit.h"

#include <algorithm>
#include <array>

namespace pm {
namespace {

constexpr std::size_t most_winners = 3;

// How many classes below a given number occur in an address family. A run of classes with none
// holds no packet.
class FamilyCounts {
public:
    explicit FamilyCounts(const Intervals &intervals) {
        for (std::size_t mask = 1; mask < counts_.size(); ++mask) {
            std::uint32_t count = 0;
            counts_[mask].push_back(0);
            for (std::uint8_t families : intervals.families)
                counts_[mask].push_back(count += (families & mask) != 0);
        }
    }
    bool any(std::uint32_t first, std::uint32_t end, std::uint8_t families) const {
        return families && counts_[families][end] > counts_[families][first];
    }

private:
    std::array<std::vector<std::uint32_t>, both_families + 1> counts_;
};

void note_winner(Credit &credit, std::uint16_t row) {
    std::vector<std::uint16_t> &winners = credit.winners;
    if (winners.size() < most_winners && std::ranges::find(winners, row) == winners.end())
        winners.push_back(row);
}

class Walk {
public:
    Walk(const Matrix &matrix, std::uint64_t now)
        : matrix_(matrix), counts_(matrix.peers), now_(now) {}

    void row(const Contest &contest, std::uint16_t row, Credit &credit) const {
        const std::vector<CellRun> &cells = matrix_.cells[contest.decision];
        for (const ClassRun &peers : matrix_.peers.runs[matrix_.peer_sets[row]]) {
            auto cell = std::ranges::upper_bound(cells, peers.first, {}, &CellRun::first);
            for (--cell; cell != cells.end() && cell->first < peers.last; ++cell) {
                const std::uint32_t end = cell + 1 == cells.end() ? peers.last : (cell + 1)->first;
                if (counts_.any(std::max<std::uint32_t>(cell->first, peers.first),
                                std::min(end, peers.last), contest.families))
                    note(cell->cell, row, credit);
            }
            if (credit.credited && credit.winners.size() == most_winners) return;
        }
    }

private:
    void note(std::uint16_t cell, std::uint16_t row, Credit &credit) const {
        const unsigned number = cell & ~PM_CELL_FAILSAFE;
        if (cell & PM_CELL_DATED && !(cell & PM_CELL_FAILSAFE))
            note_list(matrix_.dated[cell & ~PM_CELL_DATED], row, credit);
        else if (number == PM_CELL_BLOCKED)
            credit.blocked = true;
        else if (number - PM_CELL_ROW == row)
            credit.credited = true;
        else
            note_winner(credit, static_cast<std::uint16_t>(number - PM_CELL_ROW));
    }

    // Up to the row itself, those before it win its packets for a time.
    void note_list(const DatedCells &list, std::uint16_t row, Credit &credit) const {
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i].cell == PM_CELL_ROW + row) credit.credited = true;
            if (list[i].cell == PM_CELL_ROW + row || list[i].cell == PM_CELL_NONE) return;
            const bool is_over = i + 1 < list.size() && list[i + 1].from <= now_;
            if (!is_over)
                note_winner(credit, static_cast<std::uint16_t>(list[i].cell - PM_CELL_ROW));
        }
    }

    const Matrix &matrix_;
    FamilyCounts counts_;
    std::uint64_t now_;
};

}  // namespace

std::vector<Credit> find_credits(const Policy &policy, const Matrix &matrix, std::uint64_t now) {
    std::vector<Credit> credits(policy.rows.size());
    const Walk walk(matrix, now);
    for (const Contest &contest : matrix.contests)
        for (std::uint16_t row : contest.rows) {
            Credit &credit = credits[row];
            if (!credit.credited || credit.winners.size() < most_winners)
                walk.row(contest, row, credit);
        }
    return credits;
}

}  // namespace pm
