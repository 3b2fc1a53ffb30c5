// SPDX-License-Identifier: Apache-2.0
// The copy of the loaded parachute that a flush by others leaves in force (host/nft_hold.h). It has
// the bans of when it was made; who changes them lets go of it, and `watch` makes another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/base/retry.h"
#include "loader/host/nft_hold.h"
#include "loader/parachute/note.h"

namespace pm {

// Returns once there is no copy. The caller holds the writer's lock.
Done let_go_of_parachute(const Paths &paths);

// What `watch` does for it.
class ParachuteCopy {
public:
    explicit ParachuteCopy(Paths paths);

    // Under the writer's lock. Makes a copy of what is loaded, if there is none or another was
    // loaded since, and lets go of it where none is loaded. Returns why there is none, once.
    std::optional<std::string> keep();

private:
    Done make(const parachute::Note &note);

    Paths paths_;
    HeldTable table_;
    std::uint64_t since_ = 0;  // of the parachute that the copy was made of
    Retry made_;
    std::string reported_;
};

}  // namespace pm
