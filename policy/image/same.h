// SPDX-License-Identifier: Apache-2.0
// Compares compiled policies.
#pragma once

#include <cstdint>
#include <span>

namespace pm {

// Do two images hold the same policy, for the same interfaces and counters? What the loader writes
// into the header may differ: number and time of the generation, and how far apart the clocks are.
// What is shorter than a header is no image.
bool is_same_image(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other);

}  // namespace pm
