// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/nic_notes.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/known_targets.h"
#include "loader/base/paths.h"
#include "loader/state/store.h"
#include "loader/update/missing_interfaces.h"

namespace pm::command {
namespace {

// An interface that has no programs and no counters.
InterfaceStatus without_number(const std::string &name) {
    InterfaceStatus status;
    status.name = name;
    status.drifted = true;
    status.filtered = false;
    return status;
}

InterfaceStatus &status_of(const Target &target, Snapshot &snapshot) {
    const auto found =
        std::ranges::find(snapshot.interfaces, target.number, &InterfaceStatus::number);
    if (found != snapshot.interfaces.end()) return *found;
    InterfaceStatus status = without_number(target.shown_name());
    status.number = target.number;
    status.absent = !target.device;
    return snapshot.interfaces.emplace_back(std::move(status));
}

void add_target(const Target &target, Snapshot &snapshot) {
    InterfaceStatus &status = status_of(target, snapshot);
    status.why_closed = target.closed;
    if (target.device && target.device->name != status.name) status.renamed = target.device->name;
    if (!target.replaced) return;
    status.address_confirmed = target.recorded.address;
    status.address_now = target.now.address;
}

}  // namespace

void add_nic_notes(const Deployment &deployment, Snapshot &snapshot) {
    if (snapshot.in_force.mode == PM_MODE_OFF) return;
    auto nics = nics_in_force(Paths::from_environment(), deployment.pins, deployment.control);
    if (!nics) return;
    for (const Target &one : nics->targets.targets) add_target(one, snapshot);
    for (const std::string &name : nics->targets.left_out)
        snapshot.interfaces.push_back(without_number(name));
    for (const std::string &name : nics->detached) {
        const auto &all = nics->generation.interfaces;
        if (std::ranges::find(all, name) == all.end() ||
            std::ranges::find(snapshot.interfaces, name, &InterfaceStatus::name) !=
                snapshot.interfaces.end())
            continue;
        snapshot.interfaces.push_back(without_number(name));
        snapshot.interfaces.back().detached = true;
    }
    for (const Device &one : nics->targets.without_number) {
        InterfaceStatus status = without_number(one.name);
        status.closed = status.filtered = true;
        status.drifted = false;
        status.why_closed =
            fmt::format("{} can be given no programs: closed with nftables", one.name);
        snapshot.interfaces.push_back(std::move(status));
    }
}

std::vector<InterfaceStatus> confirmed_interfaces() {
    std::vector<InterfaceStatus> interfaces;
    auto store = Store::open(Paths::from_environment());
    if (!store) return interfaces;
    auto confirmed = store->confirmed();
    if (!confirmed || !*confirmed) return interfaces;
    auto generation = store->generation((*confirmed)->generation);
    if (!generation) return interfaces;
    for (const std::string &name : generation->interfaces) {
        interfaces.push_back(without_number(name));
        interfaces.back().confirmed = generation->number;
    }
    return interfaces;
}

}  // namespace pm::command
