// SPDX-License-Identifier: Apache-2.0
// The oracle's payload checks, in the plainest way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "policy/model/model.h"

namespace pm::naive {

// `length` is that of the whole payload; `here` is the part of it that the packet holds.
bool fits(Check::Payload check, std::span<const std::uint8_t> here, std::size_t length, bool tcp);

}  // namespace pm::naive
