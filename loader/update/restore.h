// SPDX-License-Identifier: Apache-2.0
// What boot runs. The caller holds the writer's lock.
#pragma once

#include <optional>

#include "loader/base/paths.h"
#include "loader/update/outcome.h"

namespace pm {

// Puts the last confirmed generation in force, if no generation is yet. Nothing was ever confirmed:
// no value. If it cannot be, the essentials and what failsafe rows can be found are put in force,
// and the fault says so; if they are already, they stay, and a note says why. Likewise a fault
// where one of the interfaces cannot be attached to, and it is in force on the others; or where the
// bans cannot be read, and it is in force without them.
Result<std::optional<Outcome>> restore(const Paths &paths);

}  // namespace pm
