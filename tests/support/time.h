// SPDX-License-Identifier: Apache-2.0
// The time that dates of rows are held against in tests: a fixed one, which goes on where a test
// waits. So it does not matter when a test runs.
#pragma once

#include <cstdint>

#include "policy/image/compile.h"

namespace pm::test {

inline constexpr std::uint64_t ns_in_second = 1'000'000'000;
inline constexpr std::uint64_t test_time = 1'800'000'000 * ns_in_second;  // 2027-01-15

// As the loader and `watch` do: if the slot has an image with dates, tells it that it is `seconds`
// after test_time now.
void tell_test_time(std::uint8_t *slot, std::uint64_t seconds);

}  // namespace pm::test
