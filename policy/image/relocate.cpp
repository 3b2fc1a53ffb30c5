// SPDX-License-Identifier: Apache-2.0
#include "policy/image/relocate.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

#include <tl/expected.hpp>

#include "policy/image/catalog.h"
#include "policy/image/slots.h"

namespace pm {

void assign_zones(const std::vector<std::string> &zones, const std::vector<std::string> &names,
                  pm_image &header) {
    std::fill(std::begin(header.zones), std::end(header.zones),
              zones.empty() ? std::uint8_t{0} : std::uint8_t{PM_NO_ZONE});
    for (std::size_t zone = 0; zone < zones.size(); ++zone)
        for (std::size_t number = 0; number < names.size(); ++number)
            if (names[number] == zones[zone])
                header.zones[number] = static_cast<std::uint8_t>(zone);
}

tl::expected<void, std::string> relocate(Image &image, const CompileOptions &options) {
    if (!options.closed.empty())
        return tl::unexpected<std::string>("it was compiled without closed interfaces");
    const auto catalog = read_catalog(ImageView(image.bytes).view());
    if (!catalog) return tl::unexpected(catalog.error());
    std::vector<std::string> ids;
    for (const CatalogRow &row : catalog->rows) ids.push_back(row.id);
    const auto slots = assign_slots(ids, options.slots, options.last_slot);
    if (!slots) return tl::unexpected(slots.error());

    assign_zones(catalog->interfaces, options.interfaces, image.header());
    for (std::size_t row = 0; row < slots->size(); ++row)
        std::memcpy(image.bytes.data() + image.header().rows + row * sizeof(pm_row) +
                        offsetof(pm_row, slot),
                    &(*slots)[row], sizeof(std::uint16_t));
    return {};
}

}  // namespace pm
