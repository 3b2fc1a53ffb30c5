// SPDX-License-Identifier: Apache-2.0
// Compares the roles of a policy with the addresses of the host that it is for, so that a slip is
// said before it shuts the host:
//
//   - an interface of which no address is in a role: nothing would pass there;
//   - an address of an interface that is in no role: nothing passes to it and from it;
//   - an address in a role that this host does not have: nothing comes there;
//   - a role that has other addresses than this host's: what their owners send is dropped, for it
//     bears an own address. It is told apart whether a gateway or a known neighbour is among them.
//
// An address counts for an interface if it is on it, or on what stands on it or has it as a port.
// Addresses on lo and dummies, and prefixes with a local route, are this host's: every interface
// may lead to them. What is link-local, deprecated or not in use yet is not missed in a role. An
// interface whose roles are all `none` is shut on purpose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/host/netlink.h"
#include "loader/host/own_addresses.h"
#include "policy/model/model.h"

namespace pm {

// What this host has.
struct HostAddresses {
    std::vector<Link> links;
    std::vector<OwnAddress> own;
    std::vector<Prefix> local;  // as local_prefixes() has them
    std::vector<Neighbour> neighbours;
};
Result<HostAddresses> read_host_addresses();

// An interface that the policy is for.
struct PolicyInterface {
    std::string name;  // that the policy knows it by
    std::uint32_t index = 0;
};

struct RoleFinding {
    bool cuts_off = false;  // no address of the interface is in a role
    std::string interface;  // empty: the finding is of no single interface
    Location where;         // of the role, or of the interface
    std::string text;       // a sentence without its full stop
    std::string remedy;
};

// In the order of the interfaces, then of the roles; of no interface: of the roles alone. Of one
// kind at most ten.
std::vector<RoleFinding> compare_roles(const Policy &policy,
                                       const std::vector<PolicyInterface> &interfaces,
                                       const HostAddresses &host);

}  // namespace pm
