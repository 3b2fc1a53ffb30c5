// SPDX-License-Identifier: Apache-2.0
// The command doctor: examines the host, what is in force, and the devices.
#include "loader/show/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/nic_notes.h"
#include "loader/doctor/findings.h"
#include "loader/doctor/host.h"
#include "loader/doctor/interface.h"
#include "loader/doctor/memory.h"
#include "loader/doctor/parachute.h"
#include "loader/doctor/policy.h"
#include "loader/doctor/roles.h"
#include "loader/host/device.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/program.h"
#include "loader/kernel/switch.h"
#include "loader/observe/snapshot.h"
#include "loader/rescue/renew.h"
#include "loader/state/drift.h"
#include "loader/update/kept_bans.h"

namespace pm::command {
namespace {

bool has_device(const std::vector<Device> &list, const std::string &name) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Device &one) { return one.name == name; });
}

// Attached interfaces, by the names that their devices have now.
using Attachments = std::map<std::string, Pins::Interface>;

void examine_attached(const Paths &paths, Pins &pins, Attachments &attached, Findings &findings) {
    // What is in force may be damaged; `pins` are examined all the same.
    auto snapshot = need_deployment(paths).and_then([](const Deployment &deployment) {
        return read_snapshot(deployment, {}, LiveFlows::left_out).map([&](Snapshot &&read) {
            add_nic_notes(deployment, read);
            return std::move(read);
        });
    });
    if (snapshot)
        snapshot->policy_drifted = policy_file_differs(snapshot->in_force.catalog);
    else
        findings.wrong("pins", snapshot.error().message,
                       "the pinned state is damaged: 'detach --all --force', then apply again");
    examine_policy(paths, pins, snapshot ? &*snapshot : nullptr, findings);
    if (snapshot) examine_nics(*snapshot, findings);
    auto interfaces = pins.interfaces();
    if (!interfaces) return;
    std::vector<PolicyInterface> filtered_devices;
    for (const Pins::Interface &one : *interfaces) {
        const bool filtered = !snapshot || holds_on(snapshot->in_force.state.record, one.number);
        const auto device = device_of(pins, one);
        const std::string name = device ? device->name : one.name();
        findings.about(name);
        examine_attachment(pins, one, filtered, findings);
        examine_probe(paths, pins, one, findings);
        attached.emplace(name, one);
        if (device && filtered) filtered_devices.push_back({one.name(), device->index});
    }
    findings.about("");
    if (!snapshot || snapshot->in_force.catalog.generation == 0) return;
    const auto policy = read_policy_in_force(snapshot->in_force.catalog);
    if (policy) return examine_roles(*policy, filtered_devices, findings);
    findings.warning("roles",
                     "whether the roles fit this host cannot be told: " + policy.error().message,
                     policy.error().hint);
}

// Nothing is attached: something should be, if a generation was confirmed.
void examine_unattached(Findings &findings) {
    const std::vector<InterfaceStatus> confirmed = confirmed_interfaces();
    if (confirmed.empty())
        return findings.note("attachment", "nothing is attached; nothing is filtered",
                             "portmatrix apply -i IFACE POLICY");
    for (const InterfaceStatus &one : confirmed) {
        findings.about(one.name);
        findings.wrong("attachment",
                       fmt::format("generation {} was confirmed for it, and is not in force: it is "
                                   "not filtered",
                                   one.confirmed),
                       "portmatrix restore");
    }
    findings.about("");
}

// Of the maps that are there, else of those that an apply would make.
void examine_maps(const Pins *pins, std::size_t attached, Findings &findings) {
    const auto options = pins ? options_of_sizes(pins->maps()) : ProgramOptions();
    const auto host = host_memory();
    if (!options) return;  // damaged pins were found already
    const auto maps = map_memory(*options, static_cast<unsigned>(attached));
    if (host && maps) return examine_memory(*maps, *host, findings);
    findings.note("memory", "how much memory the maps take cannot be told: " +
                                (host ? maps.error() : host.error()).message);
}

// A boot has the list alone.
void examine_bans(const Paths &paths, Findings &findings) {
    constexpr const char *check = "bans";
    const auto kept = read_kept_bans(paths);
    if (!kept)
        findings.wrong(check, "the bans cannot be read: " + kept.error().message,
                       kept.error().hint);
    else if (kept->unlisted.empty())
        findings.fine(check, "all bans in force are in the list");
    else
        findings.warning(check, unlisted_warning(*kept), unlisted_remedy);
}

// The devices: those asked for, else what is attached, else all that could be.
Result<std::vector<Device>> choose_devices(const std::vector<std::string> &asked,
                                           const Attachments &attached) {
    std::vector<Device> devices;
    for (const std::string &name : asked) {
        auto device = find_device(name);
        if (!device && attached.contains(name)) continue;  // it is absent, which was found already
        if (!device) {
            device.error().exit = Exit::usage;
            return tl::unexpected(device.error());
        }
        if (!has_device(devices, device->name)) devices.push_back(std::move(*device));
    }
    if (!asked.empty()) return devices;
    auto all = all_devices();
    if (!all) return tl::unexpected(all.error());
    for (Device &one : *all)
        if (!one.loopback && (attached.empty() || attached.count(one.name)))
            devices.push_back(std::move(one));
    return devices;
}

// Also of an interface that is not there, if it was asked for.
bool is_asked(const Finding &one, const DoctorArguments &arguments,
              const std::vector<Device> &devices) {
    const auto has = [](const std::vector<std::string> &list, const std::string &name) {
        return list.empty() || std::ranges::find(list, name) != list.end();
    };
    return has(arguments.checks, one.check) &&
           (one.interface.empty() || has_device(devices, one.interface) ||
            has(arguments.interfaces, one.interface));
}

}  // namespace

int run_doctor(const DoctorArguments &arguments) {
    if (!arguments.kernel.empty()) return examine_kernel(arguments);
    const Paths paths = Paths::from_environment();
    Findings findings;
    if (geteuid() == 0)
        examine_parachute(
            paths, has_parachute(paths) ? StoredParachute::current : StoredParachute::older_or_none,
            findings);
    examine_host(paths, findings);
    Attachments attached;
    if (geteuid() == 0) {
        auto pins = Pins::open(paths);
        if (!pins)
            findings.wrong("pins", pins.error().message, pins.error().hint);
        else if (*pins)
            examine_attached(paths, **pins, attached, findings);
        else
            examine_unattached(findings);
        if (pins) examine_maps(*pins ? &**pins : nullptr, attached.size(), findings);
        examine_bans(paths, findings);
    }
    auto devices = choose_devices(arguments.interfaces, attached);
    if (!devices) return end(devices.error());
    for (const Device &one : *devices) {
        const auto found = attached.find(one.name);
        findings.about(one.name);
        examine_device(one,
                       found == attached.end()
                           ? PM_DETACHED
                           : static_cast<pm_attachment>(found->second.entry.ingress),
                       findings);
    }
    std::vector<Finding> all = findings.all();
    std::erase_if(all, [&](const Finding &one) { return !is_asked(one, arguments, *devices); });
    fmt::print("{}", arguments.json ? show::findings_json(all)
                                    : show::findings_text(all, colour_on(STDOUT_FILENO)));
    const bool wrong = std::any_of(all.begin(), all.end(), [](const Finding &one) {
        return one.grade == Finding::Grade::wrong;
    });
    return end(wrong ? Exit::failed : Exit::done);
}

}  // namespace pm::command
