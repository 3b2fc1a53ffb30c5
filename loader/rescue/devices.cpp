// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/devices.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "loader/attach/attach.h"
#include "loader/host/attached_programs.h"
#include "loader/host/device.h"
#include "loader/host/nics.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"

namespace pm {
namespace {

bool contains(const std::vector<std::string> &names, const std::string &name) {
    return std::ranges::find(names, name) != names.end();
}

// The devices that have both programs.
struct Attachments {
    std::vector<std::string> filtered;
    // No policy is in force there, as a rollback has left them: which was said then. The programs
    // could filter them.
    std::vector<std::string> idle;
};

// Those of a build with another layout, which no one here can read, go on enforcing: the kernel
// says that they are there. A second filter would cut the connections that it has not seen begin.
Attachments programs_of_another_build() {
    Attachments names;
    for (const Device &one : all_devices()) {
        const auto program = attached_xdp(one);
        if (program && *program && (*program)->name == "pm_ingress")
            names.filtered.push_back(one.name);
    }
    return names;
}

Attachments find_attachments(const Paths &paths) {
    Attachments names;
    auto pins = Pins::open(paths);
    if (!pins) return programs_of_another_build();
    if (!*pins) return names;
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    auto interfaces = (*pins)->interfaces();
    if (!control || !interfaces) return names;
    const pm_record record = control->state().record;
    for (const Pins::Interface &one : *interfaces) {
        const Attached now = attached_now(**pins, one);
        const auto device = device_of(**pins, one);
        if (!device || record.mode == PM_MODE_OFF || now.ingress == PM_DETACHED ||
            now.egress == PM_DETACHED)
            continue;
        (holds_on(record, one.number) ? names.filtered : names.idle).push_back(device->name);
    }
    return names;
}

bool is_same(const Nic &recorded, const Nic &now) {
    if (recorded.name != now.name || recorded.kind != now.kind) return false;
    return (recorded.bus.empty() && now.bus.empty()) || recorded.address == now.address;
}

// The zones of the devices that stand below a device, itself included.
class Zones {
public:
    Zones(const std::vector<HostNic> &nics, const std::vector<std::string> &zones) : nics_(nics) {
        for (std::size_t i = 0; i < zones.size(); ++i)
            if (const auto device = find_device(zones[i]))
                zone_of_[device->index] = std::to_string(i);
    }

    // Nothing: none, or several.
    std::optional<std::string> zone(const HostNic &nic) const {
        std::set<std::string> found;
        std::set<std::uint32_t> seen;
        collect(nic, found, seen);
        if (found.size() != 1) return std::nullopt;
        return *found.begin();
    }

private:
    void collect(const HostNic &nic, std::set<std::string> &found,
                 std::set<std::uint32_t> &seen) const {
        if (!seen.insert(nic.index).second) return;
        if (const auto named = zone_of_.find(nic.index); named != zone_of_.end()) {
            found.insert(named->second);
            return;
        }
        for (const HostNic &other : nics_)
            if (other.index == nic.lower || other.master == nic.index) collect(other, found, seen);
    }

    const std::vector<HostNic> &nics_;
    std::map<std::uint32_t, std::string> zone_of_;
};

}  // namespace

Coverage find_coverage(const Paths &paths, const Generation &generation) {
    Attachments attached = find_attachments(paths);
    Coverage coverage = {.filtered = std::move(attached.filtered),
                         .detached = detached_names(paths),
                         .unfiltered = {}};
    for (const std::string &name : without_detached(paths, generation.interfaces)) {
        const auto device = find_device(name);
        if (device && !contains(coverage.filtered, device->name) &&
            !contains(attached.idle, device->name))
            coverage.unfiltered.push_back(name);
    }
    return coverage;
}

parachute::Devices parachute_devices(const Coverage &coverage, const Generation &generation,
                                     const std::vector<std::string> &zones) {
    parachute::Devices devices = {.open = coverage.filtered, .zones = {}};
    const auto nics = all_nics();
    if (!nics) return devices;  // then nothing else is left alone
    const Zones of(*nics, zones);
    for (const HostNic &one : *nics) {
        const bool is_outside = std::ranges::any_of(generation.others, [&](const Nic &other) {
            return !other.beside && is_same(other, one.nic);
        });
        if (one.loopback || contains(devices.open, one.nic.name)) continue;
        if (contains(coverage.detached, one.nic.name))
            devices.open.push_back(one.nic.name);
        else if (is_outside && !contains(generation.interfaces, one.nic.name))
            devices.open.push_back(one.nic.name);
        else if (const auto zone = of.zone(one))
            devices.zones[one.nic.name] = *zone;
    }
    return devices;
}

}  // namespace pm
