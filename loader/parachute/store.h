// SPDX-License-Identifier: Apache-2.0
// STATE/parachute/rendered: the policy of a generation as a ruleset, made ahead of the boot that
// may need it. The first line says what it is (JSON), the others are the commands of a Rendering.
// It is replaced whole, so that a run which is killed leaves the one before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/parachute/render.h"

namespace pm::parachute {

struct Stored {
    std::uint64_t generation = 0;
    std::string policy;  // its name
    std::string sha256;  // of the policy
    Rendering rendering;
};

// The number of the layout of the rulesets that this build makes. One that another build made with
// another layout is as good as none.
inline constexpr unsigned layout = 1;

// Nothing: there is none. A fault: it cannot be read, or is not as it was written.
Result<std::optional<Stored>> read_stored(const Paths &paths);
Done store(const Paths &paths, const Stored &stored);

// Its generation, without reading the rest; 0: there is none that can be used.
std::uint64_t stored_generation(const Paths &paths);

}  // namespace pm::parachute
