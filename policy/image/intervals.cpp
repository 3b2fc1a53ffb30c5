// SPDX-License-Identifier: Apache-2.0
// One sweep over the sets' bounds, from the lowest address up. Which sets hold the address swept
// is known by a hash: each bound changes it by exclusive or, so that a bound costs the same
// however many sets there are. The hash has 128 bits: that two different memberships have the
// same one is as likely as 2^-90.
#include "policy/image/intervals.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>

namespace pm {
namespace {

// Sets that are nested in each other make long membership lists. The limit bounds their memory to
// 64 MB.
constexpr std::size_t max_memberships = std::size_t{1} << 25;

struct Hash {
    std::uint64_t a = 0, b = 0;

    bool operator==(const Hash &) const = default;
    Hash operator^(const Hash &other) const { return {a ^ other.a, b ^ other.b}; }
};

struct HashOf {
    std::size_t operator()(const Hash &hash) const { return hash.a; }
};

std::uint64_t mix(std::uint64_t x) {  // splitmix64
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

// Walks the bounds of a set: the first address of each range, then the one after its last.
struct Cursor {
    Address at;
    const Range *range, *end;
    std::uint16_t set;
    bool inside = false;
};

// For a heap with the lowest address on top.
bool is_later(const Cursor &a, const Cursor &b) {
    return a.at > b.at;
}

class Sweep {
public:
    explicit Sweep(const std::vector<const AddressSet *> &sets)
        : sets_(sets), index_(sets.size(), absent) {}

    std::vector<Interval> run(std::uint8_t family);

    std::size_t class_count() const { return classes_.size(); }
    bool too_many() const { return class_count() > max_classes; }
    bool too_deep() const { return memberships_ > max_memberships; }
    std::vector<std::vector<std::uint16_t>> members;
    std::vector<std::uint8_t> families;

private:
    static constexpr std::uint32_t absent = ~std::uint32_t{0};

    std::vector<Cursor> cursors(bool v4) const;
    void toggle(std::uint16_t set);
    std::uint16_t class_here(std::uint8_t family);

    const std::vector<const AddressSet *> &sets_;
    std::vector<std::uint16_t> active_;  // sets that hold the address swept, in any order
    std::vector<std::uint32_t> index_;   // by set: where it stands in active_
    Hash hash_;
    std::unordered_map<Hash, std::uint32_t, HashOf> classes_;
    std::size_t memberships_ = 0;
};

// One cursor for IPv4; two for IPv6, which lies on both sides of the block of IPv4.
std::vector<Cursor> Sweep::cursors(bool v4) const {
    std::vector<Cursor> out;
    for (std::size_t set = 0; set < sets_.size(); ++set) {
        const std::vector<Range> &ranges = sets_[set]->ranges();
        const Range *first = ranges.data(), *end = first + ranges.size();
        const Range *low = std::partition_point(
            first, end, [](const Range &range) { return range.first < all_v4.first; });
        const Range *high = std::partition_point(
            low, end, [](const Range &range) { return range.first <= all_v4.last; });
        auto add = [&](const Range *from, const Range *to) {
            if (from != to) out.push_back({from->first, from, to, static_cast<std::uint16_t>(set)});
        };
        if (v4) {
            add(low, high);
        } else {
            add(first, low);
            add(high, end);
        }
    }
    return out;
}

void Sweep::toggle(std::uint16_t set) {
    hash_ = hash_ ^ Hash { mix(2 * set), mix(2 * set + 1) };
    if (index_[set] == absent) {
        index_[set] = static_cast<std::uint32_t>(active_.size());
        active_.push_back(set);
        return;
    }
    const std::uint16_t moved = active_.back();
    active_[index_[set]] = moved;
    index_[moved] = index_[set];
    index_[set] = absent;
    active_.pop_back();
}

std::uint16_t Sweep::class_here(std::uint8_t family) {
    auto [entry, is_new] = classes_.try_emplace(hash_, static_cast<std::uint32_t>(class_count()));
    if (too_many() || too_deep())
        return 0;  // the sweep goes on, to count the classes for the message
    if (is_new) {
        memberships_ += active_.size();
        members.push_back(active_);
        std::ranges::sort(members.back());
        families.push_back(0);
    }
    families[entry->second] |= family;
    return static_cast<std::uint16_t>(entry->second);
}

std::vector<Interval> Sweep::run(std::uint8_t family) {
    const bool v4 = family == family_v4;
    const Address last = v4 ? all_v4.last : all_v6.last;
    std::vector<Cursor> heap = cursors(v4);
    std::vector<Interval> out;
    std::vector<std::uint16_t> still_open;
    std::size_t bounds = 1;

    for (const Cursor &cursor : heap) bounds += 2 * (cursor.end - cursor.range);
    out.reserve(bounds);
    std::ranges::make_heap(heap, is_later);
    for (Address at = v4 ? all_v4.first : all_v6.first;;) {
        while (!heap.empty() && heap.front().at == at) {
            std::ranges::pop_heap(heap, is_later);
            Cursor &cursor = heap.back();
            toggle(cursor.set);
            cursor.inside = !cursor.inside;
            if (cursor.inside && cursor.range->last == last) {
                still_open.push_back(cursor.set);
                heap.pop_back();
                continue;
            }
            if (cursor.inside) {
                cursor.at = cursor.range->last.next();
            } else if (++cursor.range != cursor.end) {
                cursor.at = cursor.range->first;
            } else {
                heap.pop_back();
                continue;
            }
            std::ranges::push_heap(heap, is_later);
        }
        out.push_back({at, class_here(family)});
        if (heap.empty()) break;
        at = heap.front().at;
    }
    for (std::uint16_t set : still_open) toggle(set);
    return out;
}

// Numbers the classes by their membership lists, so that sets become few runs.
void renumber(Intervals &intervals) {
    std::vector<std::uint32_t> order(intervals.classes());
    std::vector<std::uint16_t> number(order.size());
    std::vector<std::vector<std::uint16_t>> members(order.size());
    std::vector<std::uint8_t> families(order.size());

    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
        return intervals.members[a] < intervals.members[b];
    });
    for (std::size_t i = 0; i < order.size(); ++i) {
        number[order[i]] = static_cast<std::uint16_t>(i);
        members[i] = std::move(intervals.members[order[i]]);
        families[i] = intervals.families[order[i]];
    }
    intervals.members = std::move(members);
    intervals.families = std::move(families);
    for (auto *family : {&intervals.v4, &intervals.v6})
        for (Interval &interval : *family) interval.class_ = number[interval.class_];
}

void find_runs(Intervals &intervals, std::size_t sets) {
    intervals.runs.resize(sets);
    for (std::uint32_t class_ = 0; class_ < intervals.classes(); ++class_)
        for (std::uint16_t set : intervals.members[class_]) {
            std::vector<ClassRun> &runs = intervals.runs[set];
            if (!runs.empty() && runs.back().last == class_)
                ++runs.back().last;
            else
                runs.push_back({class_, class_ + 1});
        }
}

}  // namespace

tl::expected<Intervals, std::string> find_intervals(const std::vector<const AddressSet *> &sets,
                                                    const std::string &what) {
    if (sets.size() > max_classes)
        return tl::unexpected(fmt::format("the policy uses {} {} sets; the limit is {}",
                                          sets.size(), what, max_classes));
    Sweep sweep(sets);
    Intervals out;
    out.v4 = sweep.run(family_v4);
    out.v6 = sweep.run(family_v6);
    if (sweep.too_many())
        return tl::unexpected(
            fmt::format("the {} sets overlap in {} different ways; the limit is {}", what,
                        sweep.class_count(), max_classes));
    if (sweep.too_deep())
        return tl::unexpected(fmt::format(
            "the {} sets are nested too deeply: {} different overlaps hold more than {} sets", what,
            sweep.class_count(), max_memberships));
    if (std::max(out.v4.size(), out.v6.size()) > max_intervals)
        return tl::unexpected(fmt::format("the {} sets have {} bounds; the limit is {}", what,
                                          std::max(out.v4.size(), out.v6.size()), max_intervals));
    out.members = std::move(sweep.members);
    out.families = std::move(sweep.families);
    renumber(out);
    find_runs(out, sets.size());
    return out;
}

}  // namespace pm
