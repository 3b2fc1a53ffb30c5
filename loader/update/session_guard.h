// SPDX-License-Identifier: Apache-2.0
// The lock-out guard: which established SSH sessions of this host a change would cut.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "maps/lookup.h"

namespace pm {

// A policy and its bans, as one side of a change.
struct Judgement {
    pm_view image = {};            // no base: nothing is filtered
    pm_view bans = {};             // no base: there are none
    std::uint32_t interfaces = 0;  // 1 << number of those that are filtered

    // Why a session is dropped that arrives on an interface; PM_UNDECIDED: it passes.
    pm_reason verdict(const pm_tuple &session) const;
};

// Refuses (Exit::refused) if a session that passes by `before` would be dropped by `after`. Asked
// of the interfaces that have the session's local address and by which its answers leave.
Done guard_sessions(const std::vector<Pins::Interface> &interfaces, const Judgement &before,
                    const Judgement &after, const std::string &way_out);

}  // namespace pm
