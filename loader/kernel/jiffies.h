// SPDX-License-Identifier: Apache-2.0
// The kernel's clock of flows and paces, from user space.
#pragma once

#include <cstdint>

namespace pm {

std::uint32_t kernel_hz();  // jiffies a second of the running kernel

// jiffies64 now, to a second or so: user space cannot read it and derives it from the monotonic
// clock, which starts and stops with it.
std::uint64_t jiffies_now();

}  // namespace pm
