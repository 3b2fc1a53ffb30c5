// SPDX-License-Identifier: Apache-2.0
// The lock-out guard: refuses a change that would cut an established SSH session of this host.
//
// Which connections are SSH sessions: ssh_sessions.h. A session whose peer is this host itself does
// not count: it runs over the loopback.
//
// Each session is judged as an inbound flow, by what is in force before and after the change, on
// each of our interfaces that its packets may come by. These are
// 1. the interface that has the session's local address;
// 2. the interface that its answers leave by: the address may be that of a dummy;
// 3. what these two stand on, down to the lowest: the ports of a bridge or bond, the parent of a
// VLAN;
// 4. all of ours, if 1 and 2 are not known.
//
// The session would be cut if it passes before and is dropped after, on one of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"
#include "maps/lookup.h"

namespace pm {

// Judges sessions by a policy and its bans. It must not outlive the memory that these are in.
struct SessionJudge {
    pm_view image = {};            // no base: nothing is filtered
    pm_view bans = {};             // no base: there are none
    std::uint32_t interfaces = 0;  // 1 << number of those that are filtered

    // Why the session is dropped on its interface; PM_UNDECIDED: it passes.
    pm_reason verdict(const pm_flow_key &session) const;
};

// Refuses (Exit::refused) if a session would be cut. `interfaces` are ours; `hint` says what the
// user can do then.
Done guard_sessions(const std::vector<Pins::Interface> &interfaces, const SessionJudge &before,
                    const SessionJudge &after, const std::string &hint);

}  // namespace pm
