// SPDX-License-Identifier: Apache-2.0
// What a network interface is known by, also after a reboot: names and numbers change then, the
// hardware address does not.
#pragma once

#include <string>
#include <vector>

namespace pm {

struct Nic {
    std::string name;
    std::vector<std::string> alternative_names;  // `ip link property`; udev gives them
    // "52:54:00:12:34:56": the permanent hardware address; where there is none, as for a bond or
    // veth, the one it has. Empty: none.
    std::string address;
    std::string kind;     // "vlan", "bond", "veth"; empty for a NIC
    std::string bus;      // of the parent device, "pci", "virtio"; empty: it has no parent
    bool port = false;    // of a bond, bridge or another device above it
    bool beside = false;  // it and a NIC of the policy stand one on the other, such as its VLANs
};

}  // namespace pm
