// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "loader/doctor/findings.h"
#include "loader/kernel/memory.h"

namespace pm {

// What the maps take of this host's memory. `attached`: on how many interfaces they are there
// already; nothing: they are to be made for the first one.
void examine_memory(const MapMemory &maps, const HostMemory &host, std::optional<unsigned> attached,
                    Findings &findings);

}  // namespace pm
