// SPDX-License-Identifier: Apache-2.0
// examine_attachment() and examine_device().
#include "loader/doctor/interface.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/occupant.h"
#include "loader/host/attached_programs.h"
#include "loader/host/netlink.h"

namespace pm {
namespace {

constexpr const char *attach_again = "portmatrix apply, or let the service run: it attaches again";
constexpr unsigned one_buffer =
    3498;  // the largest MTU whose frames fit a page with XDP's headroom

std::uint32_t pinned_id(const Pins &pins, unsigned number, const char *name) {
    const auto fd = open_pin(pins.path(number, name));
    return fd ? program_id(fd->get()) : 0;
}

std::string program_text(const TcProgram &program) {
    return fmt::format("'{}' (id {})", program.name.empty() ? "?" : program.name, program.id);
}

void examine_ingress(const Pins &pins, const Pins::Interface &interface, const Device &device,
                     const Attached &now, Findings &findings) {
    const std::uint32_t ours = pinned_id(pins, interface.number, "ingress_program");
    auto there = attached_xdp(device);
    const bool is_ours = there && *there && (*there)->id == ours;
    if (now.ingress != PM_DETACHED && is_ours)
        findings.fine("ingress", fmt::format("XDP, {}, driver {}",
                                             now.ingress == PM_XDP_GENERIC ? "generic" : "native",
                                             device.driver.empty() ? "unknown" : device.driver));
    else if (there && *there)
        findings.wrong("ingress",
                       fmt::format("what comes in is judged by XDP program '{}' (id {}), not by "
                                   "the policy",
                                   (*there)->name, (*there)->id),
                       occupied(device, **there).hint + "; then portmatrix apply");
    else
        findings.wrong("ingress", "what comes in is not filtered: the XDP program is gone",
                       attach_again);
    if (now.ingress == PM_XDP_GENERIC)
        findings.warning("generic",
                         "generic XDP is slower, and counts packets that were merged as one",
                         interface.entry.generic
                             ? "portmatrix apply --xdp native, after detach"
                             : fmt::format("driver {} has no native XDP, or not as it is set up: "
                                           "portmatrix apply --xdp native, after detach, says why",
                                           device.driver));
}

// A program before ours may let pass what ours would have dropped.
void examine_egress(const Pins &pins, const Pins::Interface &interface, const Device &device,
                    const Attached &now, Findings &findings) {
    const std::uint32_t ours = pinned_id(pins, interface.number, "egress_program");
    const std::vector<TcProgram> all = tc_programs(device.index, TcHook::egress);
    const auto found = std::ranges::find(all, ours, &TcProgram::id);
    if (now.egress == PM_DETACHED || found == all.end()) {
        findings.wrong("egress", "what goes out is not filtered: the program on TC is gone",
                       attach_again);
        return;
    }
    findings.fine("egress", now.egress == PM_TCX ? "TC, by a TCX link" : "TC, by a clsact filter");
    for (auto one = all.begin(); one != found; ++one)
        findings.wrong("egress-order",
                       fmt::format("program {} comes before ours: what it lets pass is not "
                                   "filtered",
                                   program_text(*one)),
                       "attach it after portmatrix, or remove it: bpftool net show");
    for (auto one = std::next(found); one != all.end(); ++one)
        findings.note("egress-order",
                      fmt::format("program {} comes after ours", program_text(*one)));
}

void examine_ingress_tc(const Device &device, Findings &findings) {
    for (const TcProgram &one : tc_programs(device.index, TcHook::ingress))
        findings.note("tc-ingress", fmt::format("program {} sees what XDP let pass, and may drop "
                                                "or redirect it",
                                                program_text(one)));
}

void examine_frames(const Device &device, pm_attachment ingress, Findings &findings) {
    const unsigned mtu = mtu_of(device.name);
    if (mtu <= one_buffer)
        findings.fine("mtu", fmt::format("MTU {}: each frame in one buffer", mtu));
    else if (ingress == PM_XDP_NATIVE)
        findings.fine("mtu",
                      fmt::format("MTU {}: frames of several buffers, which the driver can", mtu));
    else
        findings.warning(
            "mtu",
            fmt::format("MTU {}: native XDP needs a driver that can frames of several buffers",
                        mtu),
            fmt::format("if only generic XDP attaches: ip link set dev {} mtu {}", device.name,
                        one_buffer));
}

void examine_offloads(const Device &device, Findings &findings) {
    const std::set<std::string> active = active_features(device.name);
    const std::vector<std::string> vlans = vlans_of(device.name);
    if (!vlans.empty())
        findings.note("vlans", fmt::format("the policy holds for {} as for {}",
                                           fmt::join(vlans, ", "), device.name));
    if (!vlans.empty() && active.count("rx-vlan-hw-parse"))
        findings.note("rxvlan",
                      fmt::format("{} takes VLAN tags off before XDP sees them: a packet of a "
                                  "VLAN is judged like one without a tag",
                                  device.name),
                      fmt::format("to see the tags: ethtool -K {} rxvlan off", device.name));
    std::string merging;
    if (active.count("rx-lro")) merging = "lro off";
    if (active.count("rx-gro-hw")) merging += merging.empty() ? "rx-gro-hw off" : " rx-gro-hw off";
    if (!merging.empty())
        findings.warning("merging", "the device merges packets before XDP: they are counted as one",
                         fmt::format("ethtool -K {} {}", device.name, merging));
    else
        findings.fine("merging", "the device merges no packets before XDP");
}

void examine_queues(const Device &device, Findings &findings) {
    const unsigned queues = receive_queues(device.name);
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (queues == 0)
        findings.note("queues", "how many receive queues there are cannot be asked");
    else if (queues == 1 && cpus > 1)
        findings.note(
            "queues",
            fmt::format("one receive queue: one of {} CPUs judges all that comes in", cpus),
            fmt::format("if the device can more: ethtool -L {} combined {}", device.name, cpus));
    else
        findings.fine("queues", fmt::format("{} receive queue{} for {} CPU{}", queues,
                                            queues == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s"));
}

}  // namespace

void examine_attachment(const Pins &pins, const Pins::Interface &interface, bool filtered,
                        Findings &findings) {
    auto device = device_of(pins, interface);
    if (!device) {
        findings.wrong(
            "attachment",
            fmt::format("{} is attached and does not exist (any more)", interface.name()),
            fmt::format("portmatrix detach -i {}, or bring it back", interface.name()));
        return;
    }
    if (!device->ethernet) {
        findings.wrong("attachment",
                       "attached, and its packets have no Ethernet header: they are not judged as "
                       "what they are",
                       fmt::format("portmatrix detach -i {}, and filter the Ethernet device that "
                                   "its packets come by",
                                   interface.name()));
        return;
    }
    if (device->name != interface.name())
        findings.warning(
            "name",
            fmt::format("it was attached as {}, and is filtered as before", interface.name()),
            "portmatrix apply, which takes its new name over");
    if (!filtered)
        findings.warning(
            "attachment", "attached, but the policy in force does not filter it",
            fmt::format("portmatrix apply -i {0}, or portmatrix detach -i {0}", interface.name()));
    if (!pins.has_interface(interface.number)) {
        findings.wrong("attachment", "its programs or counters are no longer pinned",
                       fmt::format("portmatrix detach -i {0}, then portmatrix apply -i {0}",
                                   interface.name()));
        return;
    }
    const Attached now = attached_now(pins, interface);
    examine_ingress(pins, interface, *device, now, findings);
    examine_egress(pins, interface, *device, now, findings);
    examine_ingress_tc(*device, findings);
}

void examine_device(const Device &device, pm_attachment ingress, Findings &findings) {
    if (!device.ethernet) {
        findings.note(
            "link-type",
            "its packets have no Ethernet header: it cannot be filtered, apply refuses it",
            "filter the Ethernet device that its packets come by");
        return;
    }
    if (ingress == PM_DETACHED) {
        findings.note("driver",
                      fmt::format("driver {}", device.driver.empty() ? "unknown" : device.driver));
        if (geteuid() == 0)
            if (auto there = attached_xdp(device); there && *there) {
                const Fault refusal = occupied(device, **there);
                findings.warning("xdp", refusal.message, refusal.hint);
            }
    }
    examine_frames(device, ingress, findings);
    examine_offloads(device, findings);
    examine_queues(device, findings);
}

}  // namespace pm
