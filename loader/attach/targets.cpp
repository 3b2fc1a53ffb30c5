// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/targets.h"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include "loader/attach/attach.h"

namespace pm {
namespace {

bool contains(const std::vector<std::string> &list, const std::string &name) {
    return std::ranges::find(list, name) != list.end();
}

// What the command asks for: the names that are given, each once; else the policy's.
std::vector<std::string> wanted_names(const Policy &policy, const std::vector<std::string> &given) {
    std::vector<std::string> names;
    for (const std::string &name : given)
        if (!contains(names, name)) names.push_back(name);
    if (names.empty())
        for (const InterfaceDef &one : policy.interfaces) names.push_back(one.name);
    return names;
}

Done check_placed(const Policy &policy, const std::string &name) {
    const auto &placed = policy.interfaces;
    if (placed.empty() || std::ranges::find(placed, name, &InterfaceDef::name) != placed.end())
        return {};
    for (const InterfaceDef &one : placed)
        if (const auto device = find_device(one.name); device && device->name == name)
            return fault(fmt::format("the policy places a role on {}, which is another name of {}",
                                     one.name, name),
                         fmt::format("write {} under 'interfaces'", name), Exit::usage);
    return fault(
        fmt::format("the policy places no role on {}", name),
        fmt::format("name it under 'interfaces', or detach it: portmatrix detach -i {}", name),
        Exit::usage);
}

std::optional<unsigned> free_number(const std::vector<Target> &targets) {
    for (unsigned number = 0; number < PM_INTERFACES; ++number)
        if (std::ranges::find(targets, number, &Target::number) == targets.end()) return number;
    return std::nullopt;
}

Result<std::vector<Target>> attached_targets(const Pins *pins) {
    std::vector<Target> targets;
    if (!pins) return targets;
    auto attached = pins->interfaces();
    if (!attached) return tl::unexpected(attached.error());
    for (const Pins::Interface &one : *attached) {
        auto device = device_of(*pins, one);
        targets.push_back({.number = one.number,
                           .name = one.name(),
                           .device = device ? std::optional(*device) : std::nullopt,
                           .is_new = false});
    }
    return targets;
}

bool is_on(const Target &target, const Device &device) {
    return target.device && target.device->index == device.index;
}

Done add_target(std::vector<Target> &targets, const Device &device) {
    const bool is_target = std::ranges::any_of(
        targets, [&](const Target &one) { return one.name == device.name || is_on(one, device); });
    if (is_target) return {};
    if (device.loopback)
        return fault(fmt::format("'{}' is the loopback, which is never filtered", device.name), {},
                     Exit::usage);
    if (auto fits = check_ethernet(device); !fits) return fits;
    const auto number = free_number(targets);
    if (!number)
        return fault(fmt::format("more than {} interfaces", PM_INTERFACES),
                     "detach one that is not needed");
    if (auto free = check_free(device); !free) return free;
    targets.push_back({.number = *number, .name = device.name, .device = device, .is_new = true});
    return {};
}

}  // namespace

Result<std::vector<Target>> choose_targets(const Pins *pins, const Policy &policy,
                                           const std::vector<std::string> &names) {
    auto targets = attached_targets(pins);
    if (!targets) return targets;
    for (Target &one : *targets)
        if (one.device) one.name = one.device->name;
    for (const std::string &name : wanted_names(policy, names)) {
        auto added = find_device(name).and_then(
            [&](const Device &device) { return add_target(*targets, device); });
        if (!added) return tl::unexpected(added.error());
    }
    if (targets->empty())
        return fault("no interface is named and none is attached", "name one with -i", Exit::usage);
    for (const Target &one : *targets)
        if (auto placed = check_placed(policy, one.name); !placed)
            return tl::unexpected(placed.error());
    return targets;
}

Result<NamedTargets> targets_named(const Pins *pins, const std::vector<std::string> &names,
                                   Extent extent) {
    auto attached = attached_targets(pins);
    if (!attached) return tl::unexpected(attached.error());
    NamedTargets named{.targets = std::move(*attached), .not_attached = {}};
    for (const std::string &name : names) {
        auto device = find_device(name);
        if (!device) continue;  // it may appear later
        auto added = add_target(named.targets, *device);
        for (Target &one : named.targets)
            if (is_on(one, *device) && !contains(names, one.name)) one.name = name;
        if (added) continue;
        if (extent == Extent::all_or_none) return tl::unexpected(added.error());
        named.not_attached.push_back(with_hint(added.error()));
    }
    std::erase_if(named.targets, [&](const Target &one) { return !contains(names, one.name); });
    return named;
}

void adopt_names(const Pins &pins, const std::vector<std::string> &names) {
    auto interfaces = pins.interfaces();
    if (!interfaces) return;
    for (const Pins::Interface &one : *interfaces) {
        const auto device = device_of(pins, one);
        if (!device || device->name == one.name() || !contains(names, device->name)) continue;
        pm_interface entry = one.entry;
        std::memset(entry.name, 0, sizeof(entry.name));
        device->name.copy(entry.name, sizeof(entry.name) - 1);
        (void)pins.set_interface(one.number, entry);
    }
}

Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names) {
    auto all = pins.interfaces();
    if (!all || names.empty()) return all;
    std::vector<Pins::Interface> result;
    for (const std::string &name : names) {
        auto found = std::ranges::find(*all, name, &Pins::Interface::name);
        if (const auto device = find_device(name); device && found == all->end())
            found = std::ranges::find_if(*all, [&](const Pins::Interface &one) {
                const auto now = device_of(pins, one);
                return now && now->index == device->index;
            });
        if (found == all->end())
            return fault(fmt::format("nothing is attached to '{}'", name),
                         "see 'portmatrix status' for what is attached", Exit::usage);
        if (std::ranges::find(result, found->number, &Pins::Interface::number) == result.end())
            result.push_back(*found);
    }
    return result;
}

}  // namespace pm
