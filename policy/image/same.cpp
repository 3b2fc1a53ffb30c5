// SPDX-License-Identifier: Apache-2.0
#include "policy/image/same.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "maps/image.h"

namespace pm {
namespace {

using Header = std::array<std::uint8_t, sizeof(pm_image)>;

Header header_without_moment(std::span<const std::uint8_t> image) {
    Header header;
    std::ranges::copy(image.first(header.size()), header.begin());
    for (const std::size_t at :
         {offsetof(pm_image, generation), offsetof(pm_image, applied_at), offsetof(pm_image, utc)})
        std::memset(header.data() + at, 0, sizeof(__u64));
    return header;
}

}  // namespace

bool is_same_image(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other) {
    return one.size() == other.size() && one.size() >= sizeof(pm_image) &&
           header_without_moment(one) == header_without_moment(other) &&
           std::ranges::equal(one.subspan(sizeof(pm_image)), other.subspan(sizeof(pm_image)));
}

}  // namespace pm
