// SPDX-License-Identifier: Apache-2.0
// Jiffies, the clock by which the programs time flows and promotions, as user space can know it.
#pragma once

#include <cstdint>

namespace pm {

std::uint32_t kernel_hz();  // how many jiffies the running kernel has in a second

// jiffies64 now, exact to a second or so. User space cannot read it. It is derived from the
// monotonic clock, which starts and stops together with it.
std::uint64_t jiffies_now();

}  // namespace pm
