// SPDX-License-Identifier: Apache-2.0
#include "policy/image/image_ranges.h"

#include <algorithm>
#include <map>
#include <utility>

namespace pm {
namespace {

std::uint32_t load(pm_view view, std::uint32_t offset, std::uint32_t index, std::uint32_t width) {
    return static_cast<std::uint32_t>(pm_load(view, offset + index * width, width));
}

// The last of `count` bounds that is not above the key.
template <typename At, typename Key>
std::uint32_t find(std::uint32_t count, const Key &key, At at) {
    std::uint32_t first = 0;
    while (count > 1) {
        const std::uint32_t half = count / 2;
        if (!(key < at(first + half))) first += half;
        count -= half;
    }
    return first;
}

// One more than the last index that the direct table names.
std::uint32_t bound_count(pm_view view, const pm_space &space, unsigned key_bits) {
    return load(view, space.direct, std::uint32_t{1} << (key_bits - space.shift), 4) + 1;
}

void add_v4(pm_view view, const pm_space &space, const Range &range, std::set<std::uint16_t> &to) {
    const std::uint32_t count = bound_count(view, space, 32);
    auto bound = [&](std::uint32_t i) { return load(view, space.bounds, i, 4); };
    const auto last = static_cast<std::uint32_t>(range.last.low);
    for (std::uint32_t i = find(count, static_cast<std::uint32_t>(range.first.low), bound);
         i < count && bound(i) <= last; ++i)
        to.insert(static_cast<std::uint16_t>(load(view, space.values, i, 2)));
}

void add_v6(pm_view view, const pm_space &space, const Range &range, std::set<std::uint16_t> &to) {
    const std::uint32_t count = bound_count(view, space, 64);
    auto high = [&](std::uint32_t i) { return pm_load(view, space.bounds + i * 8, 8); };
    for (std::uint32_t i = find(count, range.first.high, high);
         i < count && high(i) <= range.last.high; ++i) {
        const std::uint32_t end = load(view, space.values, i + 1, 4);
        for (std::uint32_t j = load(view, space.values, i, 4); j < end; ++j) {
            // The interval reaches up to the next bound.
            const Address first{high(i), pm_load(view, space.low_bounds + j * 8, 8)};
            const bool before_range =
                j + 1 < end &&
                !(range.first < Address{high(i), pm_load(view, space.low_bounds + (j + 1) * 8, 8)});
            if (range.last < first) break;
            if (!before_range)
                to.insert(static_cast<std::uint16_t>(load(view, space.low_classes, j, 2)));
        }
    }
}

// The first addresses of IPv4's intervals, with their classes.
void add_starts_v4(pm_view view, const pm_space &space, std::vector<ClassRange> &to) {
    const std::uint32_t count = std::min(bound_count(view, space, 32), view.mask / 4);
    for (std::uint32_t i = 0; i < count; ++i) {
        const Address first = Address::v4(load(view, space.bounds, i, 4));
        to.push_back({.range = {first, all_v4.last},
                      .class_ = static_cast<std::uint16_t>(load(view, space.values, i, 2))});
    }
}

void add_starts_v6(pm_view view, const pm_space &space, std::vector<ClassRange> &to) {
    const std::uint32_t most = view.mask / 4;  // of a damaged image
    const std::uint32_t count = std::min(bound_count(view, space, 64), most);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t high = pm_load(view, space.bounds + i * 8, 8);
        const std::uint32_t end = std::min(load(view, space.values, i + 1, 4), most);
        for (std::uint32_t j = load(view, space.values, i, 4); j < end; ++j) {
            const Address first{high, pm_load(view, space.low_bounds + j * 8, 8)};
            to.push_back(
                {.range = {first, all_v6.last},
                 .class_ = static_cast<std::uint16_t>(load(view, space.low_classes, j, 2))});
        }
    }
}

// An interval reaches up to the next one of its family.
void add_ends(std::vector<ClassRange> &ranges) {
    for (std::size_t i = 0; i + 1 < ranges.size(); ++i)
        ranges[i].range.last = ranges[i + 1].range.first.previous();
}

}  // namespace

std::vector<ClassRange> class_ranges(pm_view view, const pm_classes &table) {
    std::vector<ClassRange> v4, v6;
    add_starts_v4(view, table.v4, v4);
    add_starts_v6(view, table.v6, v6);
    add_ends(v4);
    add_ends(v6);
    v4.insert(v4.end(), v6.begin(), v6.end());
    return v4;
}

std::vector<Address> example_addresses(pm_view view, const pm_classes &table) {
    constexpr unsigned examples_each = 4;  // ranges of a class
    std::map<std::pair<bool, std::uint16_t>, unsigned> counts;
    std::vector<Address> addresses;
    for (const ClassRange &one : class_ranges(view, table)) {
        const Address &first = one.range.first;
        if (counts[{first.is_v4(), one.class_}]++ < examples_each) addresses.push_back(first);
    }
    return addresses;
}

std::set<std::uint16_t> classes_in(pm_view view, const pm_classes &table, const Range &range) {
    std::set<std::uint16_t> classes;
    if (range.first.is_v4())
        add_v4(view, table.v4, range, classes);
    else
        add_v6(view, table.v6, range, classes);
    return classes;
}

std::uint16_t port_class(pm_view image, std::uint8_t transport, std::uint16_t port) {
    const std::uint32_t classes = transport == PM_PROTO_TCP
                                      ? pm_field(image, pm_image, port_classes[0])
                                      : pm_field(image, pm_image, port_classes[1]);
    return static_cast<std::uint16_t>(load(image, classes, port, 2));
}

std::vector<PortRange> source_port_runs(pm_view image, std::uint8_t transport, std::uint16_t port) {
    const std::uint32_t first_run = pm_field(image, pm_image, port_first);
    const std::uint32_t bounds = pm_field(image, pm_image, port_bounds);
    const std::uint16_t class_ = port_class(image, transport, port);
    const std::uint32_t end = load(image, first_run, class_ + 1U, 4);

    std::vector<PortRange> runs;
    for (std::uint32_t run = load(image, first_run, class_, 4); run < end; ++run) {
        const auto first = static_cast<std::uint16_t>(load(image, bounds, run, 2));
        const auto last = run + 1 < end
                              ? static_cast<std::uint16_t>(load(image, bounds, run + 1, 2) - 1)
                              : any_port[0].last;
        if (last > 0) runs.push_back({std::max<std::uint16_t>(first, 1), last});
    }
    return runs;
}

bool holds_own_address(pm_view image, const Range &range) {
    for (const std::uint16_t class_ : classes_in(image, pm_field(image, pm_image, locals), range))
        if (pm_load(image, pm_field(image, pm_image, local_flags) + class_, 1) & PM_LOCAL_OWN)
            return true;
    return false;
}

std::set<std::uint32_t> failsafe_rows_for(pm_view image, const Range &range) {
    std::set<std::uint32_t> rows;
    const std::set<std::uint16_t> classes =
        classes_in(image, pm_field(image, pm_image, peers), range);
    const std::uint32_t entries = pm_field(image, pm_image, zone_count) * 2 *
                                  pm_field(image, pm_image, local_count) *
                                  pm_field(image, pm_image, pair_count);
    std::set<std::uint32_t> distinct;
    for (std::uint32_t i = 0; i < entries; ++i)
        distinct.insert(load(image, pm_field(image, pm_image, decisions), i, 2));
    for (const std::uint32_t decision : distinct) {
        const std::uint32_t first =
            load(image, pm_field(image, pm_image, decision_first), decision, 4);
        const std::uint32_t end =
            load(image, pm_field(image, pm_image, decision_first), decision + 1, 4);
        for (const std::uint16_t class_ : classes) {
            std::uint32_t run = first;
            while (run + 1 < end &&
                   load(image, pm_field(image, pm_image, cell_bounds), run + 1, 2) <= class_)
                ++run;
            const std::uint32_t cell = load(image, pm_field(image, pm_image, cells), run, 2);
            if (cell & PM_CELL_FAILSAFE) rows.insert((cell & ~PM_CELL_FAILSAFE) - PM_CELL_ROW);
        }
    }
    return rows;
}

}  // namespace pm
