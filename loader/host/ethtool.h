// SPDX-License-Identifier: Apache-2.0
// What a device does by itself, and how many queues it has.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace pm {

// The features that are on, under the names that `ethtool -k` uses inside the kernel:
// "rx-lro", "rx-gro-hw", "rx-vlan-hw-parse". Empty where they cannot be asked.
std::set<std::string> active_features(const std::string &interface);

// Receive queues; 0 where they cannot be asked.
unsigned receive_queues(const std::string &interface);

unsigned mtu_of(const std::string &interface);  // 0: cannot be asked

}  // namespace pm
