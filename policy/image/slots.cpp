// SPDX-License-Identifier: Apache-2.0
#include "policy/image/slots.h"

#include <algorithm>

#include <fmt/format.h>

#include "maps/abi.h"

namespace pm {

tl::expected<std::vector<std::uint16_t>, std::string> assign_slots(
    const std::vector<std::string> &ids, const std::map<std::string, std::uint16_t> &known,
    std::uint16_t last) {
    std::vector<bool> taken(PM_ROW_SLOTS), kept(PM_ROW_SLOTS);
    std::vector<std::uint16_t> slots(ids.size());
    auto is_valid = [](std::uint16_t slot) {
        return slot >= PM_FIRST_ROW_SLOT && slot < PM_ROW_SLOTS;
    };

    for (const auto &[id, slot] : known)
        if (is_valid(slot)) taken[slot] = true;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        auto found = known.find(ids[i]);
        if (found == known.end() || !is_valid(found->second) || kept[found->second]) continue;
        slots[i] = found->second;
        kept[found->second] = true;
    }
    const std::size_t wanted = std::ranges::count(slots, 0);
    const std::size_t in_use = std::ranges::count(taken, true);
    if (in_use + wanted > PM_ROW_SLOTS - PM_FIRST_ROW_SLOT)
        return tl::unexpected(fmt::format(
            "{} new rows beside {} that are still counted need {} counters; the limit is {}",
            wanted, in_use, in_use + wanted, PM_ROW_SLOTS - PM_FIRST_ROW_SLOT));
    std::uint16_t next = last;
    for (std::uint16_t &slot : slots) {
        if (slot) continue;
        do {
            next = is_valid(static_cast<std::uint16_t>(next + 1))
                       ? static_cast<std::uint16_t>(next + 1)
                       : std::uint16_t{PM_FIRST_ROW_SLOT};
        } while (taken[next]);
        slot = next;
        taken[next] = true;
    }
    return slots;
}

}  // namespace pm
