// SPDX-License-Identifier: Apache-2.0
// Each combination of zone, direction, local class and pair has a list of rows that compete for
// its packets. Each distinct list is decided once, and equal decisions get one number.
#include "policy/image/matrix.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "policy/image/dated.h"
#include "policy/image/locals.h"

namespace pm {
namespace {

// Peer classes from `first` up to and without `last`, which go to `cell` unless a claim of a lower
// `order` has them too.
struct Claim {
    std::uint32_t first, last;
    std::uint32_t order;
    std::uint16_t cell;
};

struct CellRunsHash {
    std::size_t operator()(const std::vector<CellRun> &runs) const { return BytesHash{}(runs); }
};

// At every class the claim of the lowest order wins. The last claim covers everything.
std::vector<CellRun> settle(std::vector<Claim> claims) {
    const std::uint32_t end = claims.back().last;
    std::vector<CellRun> out;
    std::vector<const Claim *> heap;  // lowest order on top; one that has ended is removed
                                      // only when it comes to the top
    auto by_order = [](const Claim *a, const Claim *b) { return a->order > b->order; };

    std::ranges::sort(claims, {}, &Claim::first);
    std::size_t next = 0;
    for (std::uint32_t at = 0; at < end;) {
        for (; next < claims.size() && claims[next].first <= at; ++next) {
            heap.push_back(&claims[next]);
            std::ranges::push_heap(heap, by_order);
        }
        while (heap.front()->last <= at) {
            std::ranges::pop_heap(heap, by_order);
            heap.pop_back();
        }
        const Claim &winner = *heap.front();
        if (out.empty() || out.back().cell != winner.cell)
            out.push_back({static_cast<std::uint16_t>(at), winner.cell});
        at = winner.last;
        if (next < claims.size()) at = std::min(at, claims[next].first);
    }
    return out;
}

class Decider {
public:
    Decider(const Policy &policy, const Locals &locals, Matrix &matrix, std::size_t size_limit)
        : policy_(policy),
          locals_(locals),
          matrix_(matrix),
          size_limit_(size_limit),
          dated_(matrix.dated) {}

    // False: there are more decisions, cells or lists by date than fit.
    bool decide_all();

private:
    bool decide_class(std::size_t zone, Direction direction, std::uint32_t local);
    std::uint16_t contest(const RowNumbers &rows, std::uint8_t families);
    std::vector<CellRun> decide_at(const RowNumbers &rows, std::uint64_t time) const;
    std::vector<CellRun> decide(const RowNumbers &rows);
    std::uint16_t decision(std::vector<CellRun> runs);
    bool too_many() const {
        return matrix_.cells.size() > max_decisions || dated_.too_many() ||
               (cell_runs_ + contested_) * sizeof(CellRun) + dated_.entries() * sizeof(DatedCell) >
                   size_limit_;
    }

    const Policy &policy_;
    const Locals &locals_;
    Matrix &matrix_;
    std::size_t size_limit_;
    DatedLists dated_;
    std::size_t cell_runs_ = 0, contested_ = 0;
    std::vector<bool> in_class_;  // by local set: does it hold the current class?
    RowNumbers rows_;
    std::unordered_map<RowNumbers, std::uint32_t, BytesHash> contests_;
    std::unordered_map<std::vector<CellRun>, std::uint16_t, CellRunsHash> decisions_;
};

// What decides flows that begin at this time, up to the next date of a row.
std::vector<CellRun> Decider::decide_at(const RowNumbers &rows, std::uint64_t time) const {
    std::vector<Claim> claims;
    std::uint32_t order = 0;
    auto claim = [&](std::uint16_t set, std::uint16_t cell) {
        for (const ClassRun &run : matrix_.peers.runs[set])
            claims.push_back({run.first, run.last, order, cell});
        ++order;
    };
    auto row = rows.begin();
    auto claim_rows = [&](Section section, std::uint16_t flags) {
        for (; row != rows.end() && policy_.rows[*row].section == section; ++row)
            if (!is_past(policy_.rows[*row], time))
                claim(matrix_.peer_sets[*row],
                      static_cast<std::uint16_t>((PM_CELL_ROW + *row) | flags));
    };

    claim_rows(Section::failsafe, PM_CELL_FAILSAFE);
    claim(0, PM_CELL_BLOCKED);
    claim_rows(Section::matrix, 0);
    claims.push_back({0, static_cast<std::uint32_t>(matrix_.peers.classes()), order, PM_CELL_NONE});
    return settle(std::move(claims));
}

std::vector<CellRun> Decider::decide(const RowNumbers &rows) {
    std::vector<Era> eras;
    for (const std::uint64_t time : begins_of_eras(policy_, rows))
        eras.push_back({time, decide_at(rows, time)});
    return dated_.merge(eras);
}

std::uint16_t Decider::decision(std::vector<CellRun> runs) {
    auto [entry, is_new] =
        decisions_.try_emplace(std::move(runs), static_cast<std::uint16_t>(matrix_.cells.size()));
    if (is_new) {
        cell_runs_ += entry->first.size();
        matrix_.cells.push_back(entry->first);
    }
    return entry->second;
}

std::uint16_t Decider::contest(const RowNumbers &rows, std::uint8_t families) {
    auto [entry, is_new] =
        contests_.try_emplace(rows, static_cast<std::uint32_t>(matrix_.contests.size()));
    if (is_new) {
        contested_ += rows.size();
        matrix_.contests.push_back({rows, decision(decide(rows)), 0});
    }
    Contest &contest = matrix_.contests[entry->second];
    contest.families |= families;
    return contest.decision;
}

bool Decider::decide_class(std::size_t zone, Direction direction, std::uint32_t local) {
    const std::vector<std::uint32_t> &row_sets = locals_.row_sets[zone];
    const std::vector<std::uint32_t> &present = locals_.present[Locals::index(zone, direction)];
    const bool in_role =
        std::ranges::any_of(present, [this](std::uint32_t set) { return in_class_[set]; });

    for (std::size_t pair = 0; pair < matrix_.pairs.count(); ++pair) {
        rows_.clear();
        for (std::uint16_t row : matrix_.pairs.rows[pair])
            if (policy_.rows[row].direction == direction && row_sets[row] != Locals::none &&
                in_class_[row_sets[row]])
                rows_.push_back(row);
        std::uint16_t number = in_role ? PM_DECISION_NO_ROW : PM_DECISION_NO_ROLE;
        if (!rows_.empty())
            number = contest(rows_, matrix_.locals.families[local] & matrix_.pairs.families[pair]);
        matrix_.decisions.push_back(number);
        if (too_many()) return false;
    }
    return true;
}

bool Decider::decide_all() {
    // The first two decisions are the same, but must stay apart: which of them it is tells the
    // reason (PM_DECISION_NO_ROLE, PM_DECISION_NO_ROW).
    matrix_.cells.push_back(decide({}));
    decision(decide({}));
    for (std::size_t zone = 0; zone < matrix_.zones; ++zone)
        for (Direction direction : {Direction::in, Direction::out})
            for (std::uint32_t local = 0; local < matrix_.locals.classes(); ++local) {
                in_class_.assign(locals_.sets.size(), false);
                for (std::uint16_t set : matrix_.locals.members[local]) in_class_[set] = true;
                if (!decide_class(zone, direction, local)) return false;
            }
    return true;
}

struct Peers {
    Intervals intervals;
    std::vector<std::uint16_t> sets;  // by row
};

// Wide sets come first: then the classes of a narrow set inside of them lie together.
tl::expected<Peers, std::string> find_peers(const Policy &policy) {
    const AddressSet block = blocked_addresses(policy);
    std::map<std::string, std::uint16_t> numbers;
    std::vector<const AddressSet *> sets{&block};
    std::vector<std::pair<double, std::string>> by_extent;

    for (const Row &row : policy.rows)
        if (!is_switched_off(policy, row) && numbers.try_emplace(peer_name(row), 0).second)
            by_extent.emplace_back(-peer_addresses(policy, peer_name(row)).extent(),
                                   peer_name(row));
    std::ranges::sort(by_extent);
    for (const auto &[negative_extent, name] : by_extent) {
        numbers[name] = static_cast<std::uint16_t>(sets.size());
        sets.push_back(&peer_addresses(policy, name));
    }
    auto intervals = find_intervals(sets, "peer");
    if (!intervals) return tl::unexpected(std::move(intervals.error()));
    Peers peers{std::move(*intervals), {}};
    for (const Row &row : policy.rows)
        peers.sets.push_back(is_switched_off(policy, row) ? 0 : numbers.at(peer_name(row)));
    return peers;
}

tl::expected<Intervals, std::string> find_local_classes(const Locals &locals) {
    std::vector<const AddressSet *> sets;
    sets.reserve(locals.sets.size());
    for (const AddressSet &set : locals.sets) sets.push_back(&set);
    return find_intervals(sets, "edge");
}

// By class of local addresses: enum pm_local_flag.
std::vector<std::uint8_t> local_flags(const Locals &locals, const Intervals &classes) {
    std::vector<std::uint8_t> flags;
    for (const std::vector<std::uint16_t> &members : classes.members)
        flags.push_back(
            std::ranges::any_of(members, [&](std::uint16_t set) { return locals.own[set]; })
                ? PM_LOCAL_OWN
                : 0);
    return flags;
}

}  // namespace

tl::expected<Matrix, std::string> build_matrix(const Policy &policy, std::size_t size_limit,
                                               ClosedZone closed) {
    if (policy.rows.size() > PM_ROWS_MAX)
        return tl::unexpected(fmt::format("the policy has {} rows; the limit is {}",
                                          policy.rows.size(), PM_ROWS_MAX));
    if (policy.interfaces.size() > PM_INTERFACES)
        return tl::unexpected(fmt::format("the policy names {} interfaces; the limit is {}",
                                          policy.interfaces.size(), PM_INTERFACES));
    Matrix matrix;
    const Locals locals = find_locals(policy, closed);
    matrix.zones = locals.zones;

    auto peers = find_peers(policy);
    if (!peers) return tl::unexpected(std::move(peers.error()));
    matrix.peers = std::move(peers->intervals);
    matrix.peer_sets = std::move(peers->sets);
    auto local_classes = find_local_classes(locals);
    if (!local_classes) return tl::unexpected(std::move(local_classes.error()));
    matrix.locals = std::move(*local_classes);
    matrix.local_flags = local_flags(locals, matrix.locals);
    auto pairs = find_pairs(policy);
    if (!pairs) return tl::unexpected(std::move(pairs.error()));
    matrix.pairs = std::move(*pairs);

    const std::size_t entries = matrix.zones * 2 * matrix.locals.classes() * matrix.pairs.count();
    if (entries * sizeof matrix.decisions[0] > size_limit)
        return tl::unexpected(fmt::format(
            "{} interfaces, {} classes of local addresses and {} combinations of ports need {} MB "
            "of the compiled policy; the limit is {} MB",
            matrix.zones, matrix.locals.classes(), matrix.pairs.count(),
            entries * sizeof matrix.decisions[0] >> 20, size_limit >> 20));
    matrix.decisions.reserve(entries);
    if (!Decider(policy, locals, matrix, size_limit).decide_all())
        return tl::unexpected(fmt::format(
            "the policy's {} rows compete in more ways than fit; the limit is {} different "
            "services, {} ways in which rows with a date follow each other, and {} MB",
            policy.rows.size(), max_decisions, PM_DATED_MAX, size_limit >> 20));
    return matrix;
}

}  // namespace pm
