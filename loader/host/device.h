// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a network interface. Asked by ioctl, netlink and /proc, which follow
// the process's network namespace; /sys follows whoever mounted it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

struct Interface {
    std::string name;  // its own, not an alternative one
    std::uint32_t index = 0;
    std::string driver;  // empty where it has none
    bool loopback = false;
    bool ethernet = false;  // its packets have an Ethernet header
    bool bond = false;      // a bond, or a part of one: it speaks LACP
};

// By its name, or an alternative name (`ip link property`).
Result<Interface> find_interface(const std::string &name);

std::vector<Interface> all_interfaces();

// VLAN interfaces on top of it.
std::vector<std::string> vlans_of(const std::string &name);

}  // namespace pm
