// SPDX-License-Identifier: Apache-2.0
// What the lock-out guard says of the sessions that a change would cut, and what to write in the
// policy so that they go on.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/update/session_guard.h"
#include "policy/model/model.h"

namespace pm {

// "cut 2 SSH sessions of this host, from 198.51.100.7 (no-row), 203.0.113.9 (banned)"
std::string cuts_text(const std::vector<CutSession> &cut);

// The sessions by the address that they come from, a line each, with the set and the row of the
// policy that would let them pass: "2 sessions from 198.51.100.7 (root, alice): add 198.51.100.7 to
// the set 'admins' of row 'ssh'". Where no row fits, the lines of one come last. Null: the policy
// is not known.
std::vector<std::string> cut_lines(const std::vector<CutSession> &cut, const Policy *policy);

// A sentence for each.
std::vector<std::string> unknown_tunnel_lines(const std::vector<UnknownTunnel> &unknown);

// A change that is refused because it would cut these.
Fault cuts_refused(const SessionCuts &cuts, const Policy *policy, const std::string &hint);

// All that is to be said before a change that is made all the same, or that cuts none.
std::vector<std::string> cuts_told(const SessionCuts &cuts, const Policy *policy);

}  // namespace pm
