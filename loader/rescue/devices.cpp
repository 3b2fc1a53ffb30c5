// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/devices.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "loader/attach/attach.h"
#include "loader/attach/known_targets.h"
#include "loader/attach/occupant.h"
#include "loader/host/device.h"
#include "loader/host/nics.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"
#include "loader/update/stored_candidate.h"
#include "policy/base/text.h"

namespace pm {
namespace {

// The devices on which both programs enforce a policy. Without pins that can be read, those that
// have our program: another build attached it, or its pins are out of sight, and it goes on
// enforcing. A second filter would cut the connections that it has not seen begin.
struct Filtered {
    bool in_force = false;
    std::vector<std::string> devices = {};
};
Filtered find_filtered(const Paths &paths) {
    Filtered found;
    auto pins = Pins::open(paths);
    if (!pins || !*pins) {
        found.devices = devices_with_own_program(paths);
        found.in_force = !found.devices.empty();
        return found;
    }
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    auto interfaces = (*pins)->interfaces();
    if (!control || !interfaces) return found;
    const pm_record record = control->state().record;
    found.in_force = record.mode != PM_MODE_OFF;
    for (const Pins::Interface &one : *interfaces) {
        const Attached now = attached_now(**pins, one);
        const auto device = device_of(**pins, one);
        if (device && holds_on(record, one.number) && now.ingress != PM_DETACHED &&
            now.egress != PM_DETACHED)
            found.devices.push_back(device->name);
    }
    return found;
}

// What stands only on devices that the programs filter, or that a command detached, is left alone
// too: what comes through it has been judged as it should be.
bool stands_on_open_only(const HostNic &nic, const std::vector<HostNic> &nics,
                         const std::vector<std::string> &open, std::set<std::uint32_t> seen = {}) {
    bool stands = false;
    if (!seen.insert(nic.index).second) return false;  // two ends of a veth name each other
    for (const HostNic &other : nics) {
        if (other.index == nic.index || (other.index != nic.lower && other.master != nic.index))
            continue;
        stands = true;
        if (!contains(open, other.nic.name) && !stands_on_open_only(other, nics, open, seen))
            return false;
    }
    return stands;
}

bool is_same(const Nic &recorded, const Nic &now) {
    if (recorded.name != now.name || recorded.kind != now.kind) return false;
    return (recorded.bus.empty() && now.bus.empty()) || recorded.address == now.address;
}

// The zones of the devices that stand below a device, itself included.
class Zones {
public:
    Zones(const std::vector<HostNic> &nics, const std::vector<std::string> &zones,
          const std::map<std::string, std::uint32_t> &devices)
        : nics_(nics) {
        for (std::size_t i = 0; i < zones.size(); ++i)
            if (const auto found = devices.find(zones[i]); found != devices.end())
                zone_of_[found->second] = std::to_string(i);
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

void leave_alone_what_stands_on(const Coverage &coverage, const std::vector<HostNic> &nics,
                                parachute::Devices &devices) {
    std::vector<std::string> below = coverage.filtered;
    below.insert(below.end(), coverage.detached.begin(), coverage.detached.end());
    std::set<std::uint32_t> unfiltered;
    for (const std::string &name : coverage.unfiltered)
        if (const auto found = coverage.devices.find(name); found != coverage.devices.end())
            unfiltered.insert(found->second);
    for (const HostNic &one : nics) {
        if (contains(devices.open, one.nic.name) || unfiltered.contains(one.index)) continue;
        if (!stands_on_open_only(one, nics, below)) continue;
        devices.open.push_back(one.nic.name);
        devices.zones.erase(one.nic.name);
    }
}

}  // namespace

// If it cannot be told which devices the interfaces are, all of them count as unfiltered.
Coverage find_coverage(const Paths &paths, const Generation &generation) {
    auto detached = read_detached(paths);
    Filtered now = find_filtered(paths);
    Coverage coverage = {
        .in_force = now.in_force,
        .filtered = std::move(now.devices),
        .detached = detached ? std::move(detached->names) : std::vector<std::string>(),
        .unfiltered = {}};
    auto pins = Pins::open(paths);
    const auto known =
        known_targets(pins && *pins ? &**pins : nullptr, known_nics(generation, coverage.detached),
                      Extent::where_possible);
    if (!known) {
        coverage.unfiltered = generation.interfaces;
        return coverage;
    }
    for (const Target &one : known->targets) {
        if (!one.device || one.stranger) continue;
        if (one.closed.empty()) coverage.devices[one.name] = one.device->index;
        if (!contains(coverage.filtered, one.device->name)) coverage.unfiltered.push_back(one.name);
    }
    for (const std::string &name : known->left_out) {
        coverage.unfiltered.push_back(name);
        if (const auto device = find_device(name)) coverage.devices[name] = device->index;
    }
    coverage.why = known->not_attached;
    return coverage;
}

parachute::Devices parachute_devices(const Coverage &coverage, const Generation &generation,
                                     const std::vector<std::string> &zones) {
    parachute::Devices devices = {.open = coverage.filtered, .zones = {}};
    const auto nics = all_nics();
    if (!nics) return devices;  // then nothing else is left alone
    const Zones of(*nics, zones, coverage.devices);
    for (const HostNic &one : *nics) {
        const bool is_outside = std::ranges::any_of(generation.others, [&](const Nic &other) {
            return !other.beside && is_same(other, one.nic);
        });
        if (one.loopback || contains(devices.open, one.nic.name)) continue;
        if (contains(coverage.detached, one.nic.name) ||
            (is_outside && !contains(generation.interfaces, one.nic.name)))
            devices.open.push_back(one.nic.name);
        else if (const auto zone = of.zone(one))
            devices.zones[one.nic.name] = *zone;
    }
    leave_alone_what_stands_on(coverage, *nics, devices);
    // nftables takes no other names: such a device is left to the essentials.
    std::erase_if(devices.open, [](const std::string &name) { return !is_utf8(name); });
    std::erase_if(devices.zones, [](const auto &one) { return !is_utf8(one.first); });
    return devices;
}

}  // namespace pm
