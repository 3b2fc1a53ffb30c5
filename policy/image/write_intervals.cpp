// SPDX-License-Identifier: Apache-2.0
#include "policy/image/write_intervals.h"

#include <algorithm>
#include <bit>

namespace pm {
namespace {

// About half as many buckets as there are bounds.
int direct_bits(std::size_t bounds) {
    return std::clamp(static_cast<int>(std::bit_width(bounds / 2)), 4, 20);
}

// By bucket of the key's top bits: the last bound that is not above the bucket's first key.
template <typename Key>
std::vector<std::uint32_t> direct_index(const std::vector<Key> &bounds, std::uint32_t shift) {
    const std::size_t buckets = std::size_t{1} << (sizeof(Key) * 8 - shift);
    std::vector<std::uint32_t> out(buckets + 1);
    std::uint32_t at = 0;
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        const Key first = static_cast<Key>(static_cast<Key>(bucket) << shift);
        while (at + 1 < bounds.size() && bounds[at + 1] <= first) ++at;
        out[bucket] = at;
    }
    out[buckets] = static_cast<std::uint32_t>(bounds.size() - 1);
    return out;
}

template <typename Key>
void write_bounds(const std::vector<Key> &bounds, Writer &writer, pm_space &space) {
    space.shift = static_cast<std::uint32_t>(sizeof(Key) * 8) - direct_bits(bounds.size());
    space.direct = writer.append(direct_index(bounds, space.shift));
    space.bounds = writer.append(bounds);
}

pm_space write_v4(const std::vector<Interval> &intervals, Writer &writer) {
    std::vector<std::uint32_t> bounds;
    std::vector<std::uint16_t> classes;
    pm_space space{};

    bounds.reserve(intervals.size());
    classes.reserve(intervals.size());
    for (const Interval &interval : intervals) {
        bounds.push_back(static_cast<std::uint32_t>(interval.first.low));
        classes.push_back(interval.class_);
    }
    write_bounds(bounds, writer, space);
    space.values = writer.append(classes);
    return space;
}

// The upper halves that hold a bound, each with its run of lower halves.
pm_space write_v6(const std::vector<Interval> &intervals, Writer &writer) {
    std::vector<std::uint64_t> bounds, low_bounds;
    std::vector<std::uint32_t> first_low;
    std::vector<std::uint16_t> low_classes;
    auto start = [&](std::uint64_t high) {
        bounds.push_back(high);
        first_low.push_back(static_cast<std::uint32_t>(low_bounds.size()));
    };
    auto add = [&](std::uint64_t low, std::uint16_t class_) {
        low_bounds.push_back(low);
        low_classes.push_back(class_);
    };

    for (std::size_t i = 0; i < intervals.size(); ++i) {
        const auto &[first, class_] = intervals[i];
        const std::uint64_t last_high = i ? intervals[i - 1].first.high : 0;
        const bool same_high = i && last_high == first.high;
        // A run with a bound above 0 holds for its own upper half only: the interval that goes
        // on beyond it needs a run of its own.
        if (i && !same_high && low_bounds.back() != 0 && last_high + 1 != first.high) {
            start(last_high + 1);
            add(0, intervals[i - 1].class_);
        }
        if (!same_high) {
            start(first.high);
            if (first.low != 0) add(0, intervals[i - 1].class_);
        }
        add(first.low, class_);
    }
    if (low_bounds.back() != 0 && bounds.back() != ~std::uint64_t{0}) {
        start(bounds.back() + 1);
        add(0, intervals.back().class_);
    }
    first_low.push_back(static_cast<std::uint32_t>(low_bounds.size()));

    pm_space space{};
    write_bounds(bounds, writer, space);
    space.values = writer.append(first_low);
    space.low_bounds = writer.append(low_bounds);
    space.low_classes = writer.append(low_classes);
    return space;
}

}  // namespace

pm_classes write_intervals(const Intervals &intervals, Writer &writer) {
    pm_classes classes{};
    classes.v4 = write_v4(intervals.v4, writer);
    classes.v6 = write_v6(intervals.v6, writer);
    return classes;
}

}  // namespace pm
