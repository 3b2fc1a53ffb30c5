// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/targets.h"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include "loader/attach/attach.h"

namespace pm {
namespace {

bool contains(const std::vector<std::string> &list, const std::string &name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

// The names that the command asks for: given, else the policy's.
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
    if (placed.empty() || std::any_of(placed.begin(), placed.end(),
                                      [&](const auto &one) { return one.name == name; }))
        return {};
    for (const InterfaceDef &one : placed)
        if (const auto device = find_interface(one.name); device && device->name == name)
            return fault(fmt::format("the policy places a role on {}, which is another name of {}",
                                     one.name, name),
                         fmt::format("write {} under 'interfaces'", name), Exit::usage);
    return fault(
        fmt::format("the policy places no role on {}", name),
        fmt::format("name it under 'interfaces', or detach it: portmatrix detach -i {}", name),
        Exit::usage);
}

std::optional<unsigned> free_number(const std::vector<Target> &targets) {
    for (unsigned number = 0; number < PM_INTERFACES; number++)
        if (std::none_of(targets.begin(), targets.end(),
                         [&](const Target &one) { return one.number == number; }))
            return number;
    return std::nullopt;
}

Result<std::vector<Target>> attached_targets(const Pins *pins) {
    std::vector<Target> targets;
    if (!pins) return targets;
    auto attached = pins->interfaces();
    if (!attached) return tl::unexpected(attached.error());
    for (const Pins::Interface &one : *attached) {
        auto device = device_of(*pins, one);
        targets.push_back(
            {one.number, one.name(), device ? std::optional(*device) : std::nullopt, false});
    }
    return targets;
}

bool is_on(const Target &target, const Interface &device) {
    return target.device && target.device->index == device.index;
}

Done add_target(std::vector<Target> &targets, const Interface &device) {
    if (std::any_of(targets.begin(), targets.end(), [&](const Target &one) {
            return one.name == device.name || is_on(one, device);
        }))
        return {};
    if (device.loopback)
        return fault(fmt::format("'{}' is the loopback, which is never filtered", device.name), {},
                     Exit::usage);
    if (auto fits = check_ethernet(device); !fits) return fits;
    const auto number = free_number(targets);
    if (!number)
        return fault(fmt::format("more than {} interfaces", PM_INTERFACES),
                     "detach one that is not needed");
    if (auto free = check_free(device); !free) return free;
    targets.push_back({*number, device.name, device, true});
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
        auto added = find_interface(name).and_then(
            [&](const Interface &device) { return add_target(*targets, device); });
        if (!added) return tl::unexpected(added.error());
    }
    if (targets->empty())
        return fault("no interface is named and none is attached", "name one with -i", Exit::usage);
    for (const Target &one : *targets)
        if (auto placed = check_placed(policy, one.name); !placed)
            return tl::unexpected(placed.error());
    return targets;
}

Result<std::vector<Target>> targets_named(const Pins *pins, const std::vector<std::string> &names,
                                          std::vector<std::string> *unfit) {
    auto attached = attached_targets(pins);
    if (!attached) return attached;
    std::vector<Target> all = *attached;
    for (const std::string &name : names) {
        auto device = find_interface(name);
        if (!device) continue;  // it may come later
        auto added = add_target(all, *device);
        for (Target &one : all)
            if (is_on(one, *device) && !contains(names, one.name)) one.name = name;
        if (!added && !unfit) return tl::unexpected(added.error());
        if (!added) unfit->push_back(added.error().message);
    }
    std::erase_if(all, [&](const Target &one) { return !contains(names, one.name); });
    return all;
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
        auto found = std::find_if(all->begin(), all->end(),
                                  [&](const auto &one) { return one.name() == name; });
        if (const auto device = find_interface(name); device && found == all->end())
            found = std::find_if(all->begin(), all->end(), [&](const auto &one) {
                const auto its = device_of(pins, one);
                return its && its->index == device->index;
            });
        if (found == all->end())
            return fault(fmt::format("nothing is attached to '{}'", name),
                         "see 'portmatrix status' for what is attached", Exit::usage);
        if (std::none_of(result.begin(), result.end(),
                         [&](const auto &one) { return one.number == found->number; }))
            result.push_back(*found);
    }
    return result;
}

}  // namespace pm
