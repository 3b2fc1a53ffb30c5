// SPDX-License-Identifier: Apache-2.0
// The lock-out guard: finds the SSH sessions of this host that a change would cut.
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
//
// If one of 1 to 3 is a tunnel, the packets that it is wrapped in are judged in the same way: these
// may go by a tunnel again. Where the kernel does not say what they are, that is told. A tunnel
// that is a port of a bridge is judged, though the session may come by another port; but that it is
// not known is not told, since the taps of guests are such ports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"
#include "maps/lookup.h"
#include "policy/judge/question.h"
#include "policy/model/address.h"

namespace pm {

// Judges flows by a policy and its bans. It must not outlive the memory that these are in.
struct SessionJudge {
    pm_view image = {};            // no base: nothing is filtered
    pm_view bans = {};             // no base: there are none
    std::uint32_t interfaces = 0;  // 1 << number of those that are filtered

    // Why the flow that this side has opened is dropped on its interface; PM_UNDECIDED: it passes.
    pm_reason verdict(const pm_flow_key &flow, pm_direction opener) const;
};

// A flow that would be dropped: of a session, or of the tunnel that it runs inside.
struct DroppedFlow {
    Question first;         // its first packet
    std::string interface;  // where
    pm_reason reason = PM_UNDECIDED;
    std::string tunnel;  // the name of its device; empty: it is the session's own flow
};

struct CutSession {
    Address peer;
    std::vector<std::string> users;  // who have logged in; empty: not known
    bool is_told = true;             // false: whether anybody has logged in cannot be told
    std::vector<DroppedFlow> dropped;
};

// A session inside a tunnel whose own packets are not known.
struct UnknownTunnel {
    Address peer;
    std::string device, kind;

    auto operator<=>(const UnknownTunnel &) const = default;
};

struct SessionCuts {
    std::vector<CutSession> cut;
    std::vector<UnknownTunnel> unknown;  // each once
};

// `interfaces` are ours. A fault says that it cannot be told.
Result<SessionCuts> session_cuts(const std::vector<Pins::Interface> &interfaces,
                                 const SessionJudge &before, const SessionJudge &after);

}  // namespace pm
