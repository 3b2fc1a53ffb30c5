// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/service_policy.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/host/device.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/pins.h"
#include "loader/state/policy_source.h"
#include "loader/state/store.h"

namespace pm::command {
namespace {

bool has_something(const Paths &paths) {
    const auto pins = Pins::open(paths);
    const auto store = Store::open(paths);
    if (!pins || *pins || !store) return true;
    const auto confirmed = store->confirmed();
    return !confirmed || *confirmed;
}

bool can_be_filtered(const std::string &interface) {
    const auto device = find_device(interface);
    return device && !device->loopback && device->ethernet;
}

// "interfaces: { eth0: [sip] }": where this host has the addresses of the roles. All others are on
// the first, for every role must be placed.
std::string line_to_write(const Policy &policy) {
    std::map<std::string, std::set<std::string>> placed;
    const auto own = own_addresses().value_or(std::vector<OwnAddress>());
    std::set<std::string> left;
    for (const auto &[name, role] : policy.roles) {
        left.insert(name);
        for (const OwnAddress &one : own) {
            if (!role.addresses.contains(one.address) || !can_be_filtered(one.interface)) continue;
            placed[one.interface].insert(name);
            left.erase(name);
        }
    }
    (placed.empty() ? placed["eth0"] : placed.begin()->second).merge(left);
    std::vector<std::string> entries;
    for (const auto &[interface, roles] : placed)
        entries.push_back(fmt::format("{}: [{}]", interface, fmt::join(roles, ", ")));
    return fmt::format("interfaces: {{ {} }}", fmt::join(entries, ", "));
}

}  // namespace

std::optional<Fault> nothing_to_filter(const Paths &paths) {
    const std::filesystem::path file = policy_file();
    std::error_code error;
    if (!std::filesystem::exists(file, error) || has_something(paths)) return std::nullopt;
    const auto source = read_source(file, Expectations::skip);
    if (!source || !source->policy || !source->policy->interfaces.empty()) return std::nullopt;
    return Fault{fmt::format("{} names no interface, and none is attached: nothing is filtered",
                             file.string()),
                 fmt::format("write into it: {}; then: systemctl start portmatrix",
                             line_to_write(*source->policy)),
                 Exit::usage};
}

}  // namespace pm::command
