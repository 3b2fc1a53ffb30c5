// SPDX-License-Identifier: Apache-2.0
// The tunnels of this network namespace: devices whose packets leave by another device, wrapped in
// packets of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

struct Tunnel {
    std::uint32_t index = 0;
    std::string name;
    std::string kind;  // "vxlan"

    // What its packets are wrapped in.
    struct Outer {
        // IP protocol; none: that of what is wrapped, as its payload (IPIP, SIT).
        std::optional<std::uint8_t> protocol;
        Address remote;
        std::optional<Address> local;  // none: that of the route
        std::uint16_t port = 0;  // to which each side sends, from any port; 0: there are no ports
    };
    // None: the device does not say it. A process does it (OpenVPN), the remote address is learned
    // or is another one for each peer (WireGuard, a VXLAN without one), or it is wrapped once more.
    std::optional<Outer> outer;
};

Result<std::vector<Tunnel>> tunnels();

// The address that this host sends from to another one; none: there is no route, or it cannot be
// told.
std::optional<Address> source_towards(const Address &to);

}  // namespace pm
