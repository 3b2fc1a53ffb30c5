// SPDX-License-Identifier: Apache-2.0
// The table in the kernel, by libnftables. Each call works in a child process: the library ends the
// process that it is in where it has no memory or no netlink, and a ruleset of 100,000 prefixes
// takes much memory. A call that fails has changed nothing: nftables takes a ruleset whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/bans.h"

namespace pm::parachute {

// What is known only when the ruleset is loaded: the names that devices have now.
struct Devices {
    std::vector<std::string> open;             // beside the loopback: the parachute ignores them
    std::map<std::string, std::string> zones;  // the label of a device's zone; others: the default
};

// Replaces the table by another, in one step. `commands` are those of a Rendering.
Done load_table(const std::string &commands, const Devices &devices, const std::vector<Ban> &bans);

// Would it be loaded? nftables reads it, and the kernel takes it and takes it back at once. That is
// a table of another name without hooks: while the kernel looks at a batch, its hooks already drop.
Done check_table(const std::string &commands);

// Replaces what the loaded table holds of bans. They end to the millisecond.
Done replace_bans(const std::vector<Ban> &bans);

// There is none afterwards. It need not be there before.
Done remove_table();

// The commands that make the table of another name, which is there and empty, the same. In this and
// what follows `now` is in ns since the epoch. A ban that ends may end less than a second early.
std::string copy_text(const std::string &name, const std::string &commands, const Devices &devices,
                      const std::vector<Ban> &bans, std::uint64_t now);

// The commands of load_table() and replace_bans(), for tests.
std::string load_text(const std::string &commands, const Devices &devices,
                      const std::vector<Ban> &bans, std::uint64_t now);
std::string replace_text(const std::vector<Ban> &bans, std::uint64_t now);

}  // namespace pm::parachute
