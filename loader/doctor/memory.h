// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loader/doctor/findings.h"
#include "loader/kernel/memory.h"

namespace pm {

// What the maps take of this host's memory: those that are there, or, of no interface, those that
// would be made for the first one.
void examine_memory(const MapMemory &maps, const HostMemory &host, Findings &findings);

}  // namespace pm
