// SPDX-License-Identifier: Apache-2.0
// examine_attachment() and examine_device().
#include "loader/doctor/interface.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/occupant.h"
#include "loader/attach/proof.h"
#include "loader/host/attached_programs.h"
#include "loader/host/netlink.h"
#include "loader/observe/probe_in_force.h"

namespace pm {
namespace {

constexpr const char *attach_again = "portmatrix apply, or let the service run: it attaches again";
constexpr const char *cannot_look = "run it as root, in the network namespace of the interface";
constexpr unsigned one_buffer =
    3498;  // the largest MTU whose frames fit a page with XDP's headroom

std::string program_text(const TcProgram &program) {
    return fmt::format("'{}' (id {})", program.name.empty() ? "?" : program.name, program.id);
}

using Found = HookProof::Found;

// How the program of others is removed.
std::string hint_of_occupant(const Device &device) {
    const auto there = attached_xdp(device);
    if (!there || !*there) return attach_again;
    return occupied(device, **there).hint + "; then portmatrix apply";
}

void examine_ingress(const Pins::Interface &interface, const Device &device, const HookProof &proof,
                     Findings &findings) {
    const bool generic = proof.kind == PM_XDP_GENERIC;
    if (proof.is_ours())
        findings.fine("ingress", fmt::format("XDP, {}, driver {}", generic ? "generic" : "native",
                                             device.driver.empty() ? "unknown" : device.driver));
    else if (proof.found == Found::other)
        findings.wrong("ingress",
                       fmt::format("what comes in is judged by XDP program {}, not by the policy",
                                   proof.about),
                       hint_of_occupant(device));
    else if (proof.found == Found::unseen)
        findings.wrong(
            "ingress",
            fmt::format("whether what comes in is filtered cannot be told: {}", proof.about),
            cannot_look);
    else
        findings.wrong("ingress", "what comes in is not filtered: the XDP program is gone",
                       attach_again);
    if (generic)
        findings.warning("generic",
                         "generic XDP is slower, and counts packets that were merged as one",
                         interface.entry.generic
                             ? "portmatrix apply --xdp native, after detach"
                             : fmt::format("driver {} has no native XDP, or not as it is set up: "
                                           "portmatrix apply --xdp native, after detach, says why",
                                           device.driver));
}

// What stands where clsact belongs keeps kernels before 6.6 from filtering the way out.
std::string remedy_of_egress(const Device &device) {
    const auto qdisc = ingress_qdisc(device.index);
    if (!qdisc || qdisc->empty() || *qdisc == clsact) return attach_again;
    return fmt::format("{}; without TCX, first: tc qdisc del dev {} {}", attach_again, device.name,
                       *qdisc);
}

// A program before ours may let pass what ours would have dropped.
void examine_egress(const Pins &pins, const Pins::Interface &interface, const Device &device,
                    const HookProof &proof, Findings &findings) {
    if (proof.found == Found::unseen) {
        findings.wrong(
            "egress",
            fmt::format("whether what goes out is filtered cannot be told: {}", proof.about),
            cannot_look);
        return;
    }
    if (!proof.is_ours()) {
        findings.wrong("egress", "what goes out is not filtered: the program on TC is gone",
                       remedy_of_egress(device));
        return;
    }
    findings.fine("egress", proof.kind == PM_TCX ? "TC, by a TCX link" : "TC, by a clsact filter");
    const auto listed = tc_programs(device.index, TcHook::egress);
    const auto pinned = open_pin(pins.path(interface.number, "egress_program"));
    const std::vector<TcProgram> all = listed.value_or(std::vector<TcProgram>());
    const auto found =
        std::ranges::find(all, pinned ? program_id(pinned->get()) : 0, &TcProgram::id);
    if (found == all.end()) {
        findings.warning("egress-order", "which programs come before ours cannot be told",
                         "bpftool net show");
        return;
    }
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
    const auto listed = tc_programs(device.index, TcHook::ingress);
    if (!listed) {
        findings.note("tc-ingress", "which programs see what XDP let pass cannot be told: " +
                                        listed.error().message);
        return;
    }
    for (const TcProgram &one : *listed)
        findings.note("tc-ingress", fmt::format("program {} sees what XDP let pass, and may drop "
                                                "or redirect it",
                                                program_text(one)));
}

void examine_frames(const Device &device, pm_attachment ingress, Findings &findings) {
    const unsigned mtu = mtu_of(device.name);
    if (mtu == 0)
        findings.note("mtu", "how large its frames are cannot be asked");
    else if (mtu <= one_buffer)
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

void examine_vlans(const Device &device, bool takes_tags_off, Findings &findings) {
    const auto vlans = vlans_of(device.name);
    if (!vlans) {
        findings.note("vlans", "its VLANs cannot be told: " + vlans.error().message);
        return;
    }
    if (vlans->empty()) return;
    findings.note("vlans", fmt::format("the policy holds for {} as for {}", fmt::join(*vlans, ", "),
                                       device.name));
    if (takes_tags_off)
        findings.note("rxvlan",
                      fmt::format("{} takes VLAN tags off before XDP sees them: a packet of a "
                                  "VLAN is judged like one without a tag",
                                  device.name),
                      fmt::format("to see the tags: ethtool -K {} rxvlan off", device.name));
}

void examine_offloads(const Device &device, Findings &findings) {
    const auto active = active_features(device.name);
    examine_vlans(device, active && active->contains("rx-vlan-hw-parse"), findings);
    if (!active) {
        findings.note("merging", "whether the device merges packets before XDP cannot be asked");
        return;
    }
    std::string merging;
    if (active->contains("rx-lro")) merging = "lro off";
    if (active->contains("rx-gro-hw"))
        merging += merging.empty() ? "rx-gro-hw off" : " rx-gro-hw off";
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
            fmt::format("{} is absent: it does not exist now; it is filtered as soon as it does, "
                        "under whatever name",
                        interface.name()),
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
    const Proof proof = prove(pins, interface.number, device->index);
    examine_ingress(interface, *device, proof.ingress, findings);
    examine_egress(pins, interface, *device, proof.egress, findings);
    examine_ingress_tc(*device, findings);
}

void examine_probe(const Paths &paths, const Pins &pins, const Pins::Interface &interface,
                   Findings &findings) {
    const auto asked = probe_in_force(paths, pins, interface.number);
    if (!asked)
        findings.wrong("probe", asked.error().message,
                       asked.error().hint.empty() ? "portmatrix apply, then portmatrix doctor"
                                                  : asked.error().hint);
    else if (*asked == 0)
        findings.note("probe", "no policy holds here that test packets could be asked of");
    else
        findings.fine("probe", fmt::format("the programs judge {} test packets as the policy in "
                                           "force does",
                                           *asked));
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
