// SPDX-License-Identifier: Apache-2.0
#include "policy/image/same.h"

#include <algorithm>
#include <cstring>

#include "maps/image.h"

namespace pm {
namespace {

void copy_header(std::span<const std::uint8_t> image, pm_image &header) {
    std::memcpy(&header, image.data(), sizeof(header));  // its padding too, which is compared
    header.generation = header.applied_at = header.utc = 0;
}

}  // namespace

bool is_same_image(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other) {
    if (one.size() != other.size() || one.size() < sizeof(pm_image)) return false;
    pm_image header, other_header;
    copy_header(one, header);
    copy_header(other, other_header);
    return std::memcmp(&header, &other_header, sizeof(header)) == 0 &&
           std::ranges::equal(one.subspan(sizeof(pm_image)), other.subspan(sizeof(pm_image)));
}

}  // namespace pm
