// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/targets.h"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/kernel/switch.h"
#include "policy/base/text.h"

namespace pm {
namespace {

// The names that the command gives, then the policy's, each once.
std::vector<std::string> wanted_names(const Policy &policy, const std::vector<std::string> &given) {
    std::vector<std::string> names;
    for (const std::string &name : given)
        if (!contains(names, name)) names.push_back(name);
    for (const InterfaceDef &one : policy.interfaces)
        if (!contains(names, one.name)) names.push_back(one.name);
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

// What is stored of an interface is UTF-8: after a reboot it could not be found by another name.
Done check_name(const std::string &name) {
    if (is_utf8(name)) return {};
    return fault(fmt::format("the name of the interface {} is not UTF-8", quote(name)),
                 "give it another name: ip link set dev NAME name eth9", Exit::refused);
}

// `known`: where the interfaces with a number are now.
Result<std::vector<Target>> attached_targets(const Pins *pins, const std::vector<Target> &known) {
    std::vector<Target> targets;
    if (!pins) return targets;
    auto attached = pins->interfaces();
    if (!attached) return tl::unexpected(attached.error());
    for (const Pins::Interface &one : *attached) {
        const auto found = std::ranges::find(known, one.number, &Target::number);
        Target target;
        target.number = one.number;
        target.name = one.name();
        target.stranger = one.entry.stranger != 0;
        if (found != known.end()) target.recorded = found->recorded;
        if (auto device = device_of(*pins, one))
            target.device = std::move(*device);
        else if (found != known.end())
            target.device = found->device;
        targets.push_back(std::move(target));
    }
    return targets;
}

bool is_on(const Target &target, const Device &device) {
    return target.device && target.device->index == device.index;
}

// The interface that the user calls by this name becomes a target, if it is none.
Done add_target(std::vector<Target> &targets, const Device &device,
                const std::vector<unsigned> &used) {
    for (Target &one : targets) {
        if (!is_on(one, device) && (one.device || one.name != device.name)) continue;
        one.device = device;  // of an absent one that has come under its name
        one.stranger = false;
        one.name = device.name;
        return {};
    }
    if (auto fits = check_attachable(device); !fits) return fits;
    std::vector<unsigned> taken = used;
    for (const Target &one : targets) taken.push_back(one.number);
    const auto number = free_number(taken);
    if (!number)
        return fault(fmt::format("more than {} interfaces", PM_INTERFACES),
                     "detach one that is not needed");
    Target target;
    target.number = *number;
    target.name = device.name;
    target.device = device;
    target.is_new = true;
    targets.push_back(std::move(target));
    return {};
}

// A change that fails is made by the next command, or by `watch`.
void name_entry(const Pins &pins, const Pins::Interface &interface, const std::string &name,
                bool stranger) {
    if (interface.name() == name && (interface.entry.stranger != 0) == stranger) return;
    pm_interface entry = interface.entry;
    std::memset(entry.name, 0, sizeof(entry.name));
    name.copy(entry.name, sizeof(entry.name) - 1);
    entry.stranger = stranger;
    (void)pins.set_interface(interface.number, entry);
}

// That it was renamed or replaced; empty: nothing is to be said.
std::string note_of(const Target &target) {
    if (!target.device) return {};
    if (target.renamed && target.recorded.address != target.now.address)
        return fmt::format(
            "{} is called {} now, and has another hardware address than when it was "
            "confirmed: its programs are on it",
            target.name, target.device->name);
    if (target.renamed)
        return fmt::format("{} is called {} now: it has the hardware address {}", target.name,
                           target.device->name, target.now.address);
    if (!target.replaced) return {};
    if (target.recorded.address != target.now.address)
        return fmt::format("{} has another hardware address than when it was confirmed: {}, not {}",
                           target.name, target.now.address, target.recorded.address);
    return fmt::format("{} is another kind of device than when it was confirmed", target.name);
}

std::string absence_of(const Target &target) {
    return target.recorded.address.empty()
               ? fmt::format("{} is absent: no device has its name", target.shown_name())
               : fmt::format("{} is absent: no device has its name or its hardware address {}",
                             target.shown_name(), target.recorded.address);
}

bool is_absent_target(const std::vector<Target> &targets, const std::string &name) {
    return std::ranges::any_of(targets,
                               [&](const Target &one) { return !one.device && one.name == name; });
}

}  // namespace

Told told_of(const std::vector<Target> &targets) {
    Told told;
    for (const Target &one : targets) {
        if (!one.device) told.absent.push_back(absence_of(one));
        if (const std::string note = note_of(one); !note.empty()) told.notes.push_back(note);
        if (one.closed.empty()) continue;
        std::string closed =
            one.closed + ": closed to all but essentials and failsafe rows until an apply";
        // Of two that contradict each other the reason is the same.
        if (!contains(told.closed, closed)) told.closed.push_back(std::move(closed));
    }
    return told;
}

Done check_attachable(const Device &device) {
    if (device.loopback)
        return fault(fmt::format("'{}' is the loopback, which is never filtered", device.name), {},
                     Exit::usage);
    return check_ethernet(device).and_then([&] { return check_free(device); });
}

std::optional<unsigned> free_number(const std::vector<unsigned> &used) {
    for (unsigned number = 0; number < PM_INTERFACES; ++number)
        if (std::ranges::find(used, number) == used.end()) return number;
    return std::nullopt;
}

Result<std::vector<Target>> choose_targets(const Pins *pins, const Policy &policy,
                                           const std::vector<std::string> &names,
                                           const std::vector<Target> &known) {
    auto targets = attached_targets(pins, known);
    if (!targets) return targets;
    std::vector<unsigned> used;
    for (Target &one : *targets) {
        used.push_back(one.number);
        if (one.device && !one.stranger) one.name = one.device->name;
    }
    for (const std::string &name : wanted_names(policy, names)) {
        auto device = find_device(name);
        if (!device && is_absent_target(*targets, name)) continue;
        auto added =
            device.and_then([&](const Device &found) { return add_target(*targets, found, used); });
        if (!added) return tl::unexpected(added.error());
    }
    std::erase_if(*targets, &Target::stranger);
    if (targets->empty())
        return fault("no interface is named and none is attached",
                     "name one with -i, or under 'interfaces' in the policy", Exit::usage);
    for (const Target &one : *targets) {
        if (auto named = check_name(one.name); !named) return tl::unexpected(named.error());
        if (auto placed = check_placed(policy, one.name); !placed)
            return tl::unexpected(placed.error());
    }
    return targets;
}

void adopt_names(const Pins &pins, const std::vector<std::string> &names) {
    auto interfaces = pins.interfaces();
    if (!interfaces) return;
    for (const Pins::Interface &one : *interfaces) {
        const auto device = device_of(pins, one);
        if (device && contains(names, device->name)) name_entry(pins, one, device->name, false);
    }
}

void name_entries(const Pins &pins, const std::vector<Target> &targets) {
    auto interfaces = pins.interfaces();
    if (!interfaces) return;
    for (const Pins::Interface &one : *interfaces) {
        const auto found = std::ranges::find(targets, one.number, &Target::number);
        if (found != targets.end()) name_entry(pins, one, found->shown_name(), found->stranger);
    }
}

std::vector<std::string> release_numbers(const Pins &pins, const pm_record &record) {
    std::vector<std::string> opened;
    auto interfaces = pins.interfaces();
    if (!interfaces) return opened;
    for (const Pins::Interface &one : *interfaces) {
        const bool is_idle = one.entry.stranger != 0 || one.entry.ifindex == 0;
        if (!is_idle || holds_on(record, one.number)) continue;
        if (one.entry.stranger != 0) opened.push_back(one.name());
        (void)detach(pins, one);  // the next change tries again
    }
    return opened;
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
