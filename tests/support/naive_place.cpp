// SPDX-License-Identifier: Apache-2.0
// Whose a packet is, as the oracle sees it: this host's, or another's on its way through.
#include <algorithm>

#include "tests/support/naive.h"

namespace pm::naive {

bool Host::is_listed(const Address &local) const {
    return std::ranges::any_of(policy_->roles, [&](const auto &role) {
        return !role.second.is_interface && role.second.addresses.contains(local);
    });
}

// Is a packet that another device handed over another host's?
bool Host::is_passing_through(const Headers &headers) const {
    return !routed_.contains(headers.source) || !is_listed(headers.source) ||
           (!headers.v4 && !policy_->handed_over_ipv6);
}

// Is what came in for this address another host's?
bool Host::is_foreign(const Address &local, const Facts &facts, const Verdict &verdict) const {
    if (stateless_ || is_multicast(local) || own_.contains(local)) return false;
    const bool is_failsafe =
        verdict.kind == Verdict::Kind::row &&
        policy_->rows[static_cast<std::size_t>(verdict.number)].section == Section::failsafe;
    return facts.routed || (!stays_.contains(local) && !is_listed(local) && !is_failsafe);
}

}  // namespace pm::naive
