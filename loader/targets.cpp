// SPDX-License-Identifier: Apache-2.0
#include "loader/targets.h"

#include <algorithm>
#include <cstddef>

#include <fmt/core.h>

#include "loader/attach.h"

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
    return fault(
        fmt::format("the policy places no role on {}", name),
        fmt::format("name it under 'interfaces', or detach it: portmatrix detach -i {}", name),
        Exit::usage);
}

// A free number, if possible one that the policy in force places nothing on: until the switch
// the new interface is judged by that policy.
std::optional<unsigned> free_number(const std::vector<Target> &targets, const Switch *control) {
    std::optional<unsigned> found;
    for (unsigned number = PM_INTERFACES; number-- > 0;) {
        if (std::any_of(targets.begin(), targets.end(),
                        [&](const Target &one) { return one.number == number; }))
            continue;
        if (control) {
            const pm_view image = control->image(control->state().record.image);
            const auto zone =
                pm_load(image, static_cast<__u32>(offsetof(pm_image, zones)) + number, 1);
            if (found && zone != PM_NO_ZONE) continue;
        }
        found = number;
    }
    return found;
}

}  // namespace

Result<std::vector<Target>> choose_targets(const Pins *pins, const Switch *control,
                                           const Policy &policy,
                                           const std::vector<std::string> &names) {
    std::vector<Target> targets;
    if (pins) {
        auto attached = pins->interfaces();
        if (!attached) return tl::unexpected(attached.error());
        for (const Pins::Interface &one : *attached) {
            auto device = find_interface(one.name());
            targets.push_back(
                {one.number, one.name(), device ? std::optional(*device) : std::nullopt, false});
        }
    }
    for (const std::string &name : wanted_names(policy, names)) {
        auto device = find_interface(name);
        if (!device) return tl::unexpected(device.error());
        if (device->loopback)
            return fault(fmt::format("'{}' is the loopback, which is never filtered", name), {},
                         Exit::usage);
        if (std::any_of(targets.begin(), targets.end(),
                        [&](const Target &one) { return one.name == name; }))
            continue;
        auto number = free_number(targets, control);
        if (!number)
            return fault(fmt::format("more than {} interfaces", PM_INTERFACES),
                         "detach one that is not needed");
        if (auto free = check_free(*device); !free) return tl::unexpected(free.error());
        targets.push_back({*number, name, *device, true});
    }
    if (targets.empty())
        return fault("no interface is named and none is attached", "name one with -i", Exit::usage);
    for (const Target &one : targets)
        if (auto placed = check_placed(policy, one.name); !placed)
            return tl::unexpected(placed.error());
    return targets;
}

}  // namespace pm
