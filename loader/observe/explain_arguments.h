// SPDX-License-Identifier: Apache-2.0
// What `explain` is asked: the words of its command line as a tuple, the direction of the flow, and
// the interfaces to ask about.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

// One end of a flow as the user wrote it: an address or the name of a role, and a port.
struct AskedEnd {
    std::optional<Address> address;
    std::string role;  // where there is no address
    std::optional<std::uint16_t> port;
};

struct AskedFlow {
    AskedEnd from, to;
    std::vector<std::uint8_t> transports;  // none: those that the ends leave open
};

// A flow to ask about, before direction and source port are settled.
struct Tuple {
    Address from, to;
    std::optional<std::uint16_t> from_port, to_port;
    std::uint8_t transport = 0;
    std::optional<Direction> direction;
};

// "tcp", "udp", "icmp", "icmpv6", or a number up to 255. Errors are usage faults.
Result<std::uint8_t> parse_protocol(const std::string &text);

// "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443", "access", "access:443"; "tcp",
// "icmpv6", "47", or an empty protocol. Errors are usage faults.
Result<AskedFlow> parse_flow(const std::string &from, const std::string &to,
                             const std::string &protocol);

// An address of a role, of the family that is wanted; without one of either, IPv4 first.
enum class Family { any, v4, v6 };
using RoleAddress = std::function<Result<Address>(const std::string &role, Family family)>;

// An address that is listed for a role of the policy. Of a role that is `interface` it is one of
// `own`.
Result<Address> role_address(const Policy &policy, const std::vector<Address> &own,
                             const std::string &role, Family family);

// The flows that are asked about. Without a protocol they are tcp and udp where there is a port to
// go to, else the echo of the family. Errors are usage faults.
Result<std::vector<Tuple>> settle_flow(const AskedFlow &asked, std::optional<Direction> direction,
                                       const RoleAddress &address_of);

// Which way the flow goes if the user does not say: out, if `from` is an address of this host.
// `note` is set, for the user, if neither end or both are addresses of this host.
Direction guess_direction(const Tuple &tuple, const std::function<bool(const Address &)> &is_own,
                          std::string &note);

// An interface that a policy file is asked about: its number in the image, and its name.
struct AskedInterface {
    unsigned number = 0;
    std::string name;  // empty: neither the policy nor the user names one
};

// The interfaces to ask about: those named. If none is named, the first of these that gives any:
// 1. those of the roles that have the address,
// 2. those of the roles of form `interface`, which stand for any address of the interface,
// 3. all.
// A name on which the policy places no role is a usage fault.
Result<std::vector<AskedInterface>> asked_interfaces(const Policy &policy,
                                                     const std::vector<std::string> &names,
                                                     const Address &local);

}  // namespace pm
