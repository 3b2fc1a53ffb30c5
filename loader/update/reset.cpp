// SPDX-License-Identifier: Apache-2.0
#include "loader/update/reset.h"

#include "loader/kernel/map.h"
#include "maps/paces.h"

namespace pm {

namespace {

// Removes what a map keeps of the interface with this number.
template <typename K, typename V>
Done forget(Map<K, V> &map, unsigned number) {
    std::vector<K> old;
    auto walked = map.each([&](const K &key, const V &) {
        if (key.interface == number) old.push_back(key);
    });
    if (!walked) return walked;
    for (const K &key : old) map.remove(key);
    return {};
}

}  // namespace

Done clear_number(const Pins &pins, unsigned number) {
    for (const FlowTable &table : flow_tables) {
        auto map = Map<pm_flow_key, pm_flow>::of(pins.maps(), table.name);
        if (!map) return tl::unexpected(map.error());
        if (auto forgotten = forget(*map, number); !forgotten) return forgotten;
    }
    auto neighbours = Map<pm_neighbour_key, pm_neighbour>::of(pins.maps(), "neighbours");
    if (!neighbours) return tl::unexpected(neighbours.error());
    if (auto forgotten = forget(*neighbours, number); !forgotten) return forgotten;
    auto drops = CounterArray<pm_drop_count>::of(pins.maps().fd("drops"), "drops");
    if (!drops) return tl::unexpected(drops.error());
    for (const unsigned direction : {PM_IN, PM_OUT})
        for (unsigned reason = 0; reason < PM_REASON_SLOTS; ++reason)
            if (auto cleared = drops->clear(pm_drop_index(number, direction, reason)); !cleared)
                return cleared;
    auto dhcp = Map<std::uint32_t, pm_dhcp>::of(pins.maps(), "dhcp");
    if (!dhcp) return tl::unexpected(dhcp.error());
    return dhcp->put(number, {});
}

Done clear_new_rows(const Pins &pins, const std::vector<unsigned> &numbers, const Catalog &image,
                    const Catalog &before) {
    std::vector<bool> in_use(PM_ROW_SLOTS);
    for (const CatalogRow &row : before.rows) in_use[row.slot] = true;
    auto limits = Map<std::uint32_t, std::uint64_t>::of(pins.maps(), "row_limits");
    if (!limits) return tl::unexpected(limits.error());
    for (const CatalogRow &row : image.rows)
        if (!in_use[row.slot])
            if (auto put = limits->put(row.slot, 0); !put) return put;
    for (const unsigned number : numbers) {
        auto fd = open_pin(pins.path(number, "rows"));
        if (!fd) return tl::unexpected(fd.error());
        auto rows = CounterArray<pm_row_count>::of(fd->get(), "rows");
        if (!rows) return tl::unexpected(rows.error());
        for (const CatalogRow &row : image.rows) {
            if (in_use[row.slot]) continue;
            if (auto cleared = rows->clear(row.slot); !cleared) return cleared;
        }
    }
    return {};
}

Done clear_shadow(const Pins &pins) {
    const int fd = pins.maps().fd("shadows");
    std::vector<pm_shadow_key> keys;
    auto walked =
        each_key<pm_shadow_key>(fd, [&](const pm_shadow_key &key) { keys.push_back(key); });
    if (!walked) return walked;
    for (const pm_shadow_key &one : keys) remove_key(fd, one);
    return {};
}

}  // namespace pm
