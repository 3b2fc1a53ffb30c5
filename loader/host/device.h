// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a network interface. It is asked by ioctl and /proc, which follow the
// network namespace of the process; /sys would follow that of whoever mounted it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

struct Device {
    std::string name;  // the first one, not an alternative name
    std::uint32_t index = 0;
    std::string driver;  // empty where it has none
    bool loopback = false;
    bool ethernet = false;  // its packets have an Ethernet header
};

// By its name, or by an alternative name (`ip link property`).
Result<Device> find_device(const std::string &name);

// Nothing: there is none. What cannot be asked is a fault.
Result<std::optional<Device>> look_up_device(std::uint32_t index);
Result<Device> find_device_by_index(std::uint32_t index);

Result<std::vector<Device>> all_devices();

// The VLAN interfaces on top of it.
Result<std::vector<std::string>> vlans_of(const std::string &name);

// The features that are on, under the names that `ethtool -k` uses inside the kernel:
// "rx-lro", "rx-gro-hw", "rx-vlan-hw-parse". None where they cannot be asked.
std::optional<std::set<std::string>> active_features(const std::string &name);

// 0 where the device cannot be asked.
unsigned receive_queues(const std::string &name);
unsigned mtu_of(const std::string &name);

}  // namespace pm
