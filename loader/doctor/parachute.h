// SPDX-License-Identifier: Apache-2.0
// Is the parachute loaded, and is there one for the next boot that needs it?
#pragma once

#include "loader/base/paths.h"
#include "loader/doctor/findings.h"

namespace pm {

// Is the stored one that of the confirmed generation?
enum class StoredParachute { current, older_or_none };
void examine_parachute(const Paths &paths, StoredParachute stored, Findings &findings);

}  // namespace pm
