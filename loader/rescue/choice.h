// SPDX-License-Identifier: Apache-2.0
// Which parachute is loaded: of the confirmed generation as it was rendered (parachute/store.h),
// else rendered now from what is stored of it, else as an older one was rendered, else essentials
// alone.
#pragma once

#include <cstdint>
#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/parachute/store.h"
#include "loader/state/store.h"

namespace pm {

// The essentials and nothing else; its generation is 0.
parachute::Stored closed_parachute();

// That of this generation, as it was rendered or rendered now; 0: the essentials.
Result<parachute::Stored> parachute_of(const Paths &paths, std::uint64_t generation);

struct Choice {
    parachute::Stored parachute;
    std::string fallback;  // why it is not that of the confirmed generation; empty: it is
};

// The best that there is; `confirmed` is null where it cannot be read.
Choice choose_parachute(const Paths &paths, const Generation *confirmed);

}  // namespace pm
