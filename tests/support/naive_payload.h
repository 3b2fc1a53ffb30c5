// SPDX-License-Identifier: Apache-2.0
// What a row's check says of a payload, in the plainest way; part of the oracle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "policy/model/model.h"

namespace pm::naive {

// `here` is what lies in the packet of a payload of `length` bytes.
bool fits(Check::Payload check, std::span<const std::uint8_t> here, std::size_t length, bool tcp);

}  // namespace pm::naive
