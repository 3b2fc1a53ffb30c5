// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/attach.h"

#include <linux/if_link.h>
#include <net/if.h>

#include <filesystem>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/attach/occupant.h"
#include "loader/attach/proof.h"
#include "loader/host/attached_programs.h"
#include "loader/host/netlink.h"
#include "loader/kernel/switch.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t filter_priority = 1;     // before other filters
constexpr std::uint32_t filter_handle = 0x706d;  // "pm"

// The request about our clsact filter on an interface.
struct Filter {
    bpf_tc_hook hook = {};
    bpf_tc_opts options = {};

    explicit Filter(std::uint32_t ifindex) {
        hook.sz = sizeof(hook);
        hook.ifindex = static_cast<int>(ifindex);
        hook.attach_point = BPF_TC_EGRESS;
        options.sz = sizeof(options);
        options.handle = filter_handle;
        options.priority = filter_priority;
    }
};

// What the kernel says of a pinned link; all 0: there is none.
bpf_link_info link_info(const fs::path &path) {
    const Fd fd(bpf_obj_get(path.c_str()));
    bpf_link_info info = {};
    std::uint32_t size = sizeof(info);
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return {};
    return info;
}

// The interface that a pinned link is on; 0: there is no link, or its device is gone.
std::uint32_t linked_ifindex(const fs::path &path) {
    return link_info(path).xdp.ifindex;  // a TCX link has it as its first word too
}

// Without bpf_link_detach() the kernel detaches some time after the link's pin is gone.
void unlink_now(const fs::path &path) {
    const Fd fd(bpf_obj_get(path.c_str()));
    if (fd) bpf_link_detach(fd.get());
    std::error_code ignored;
    fs::remove(path, ignored);
}

// Ours are named so in every build, also one whose pin is gone.
bool may_be_replaced(std::uint32_t program) {
    return program == 0 || name_of_program(program) == "pm_egress";
}

// By the pins alone: to ask for a program's name needs CAP_SYS_ADMIN, which the service does not
// have.
bool filter_is_ours(const fs::path &folder, std::uint32_t ifindex) {
    const std::uint32_t there = filter_program(ifindex);
    if (there == 0) return false;
    for (const std::string &name : {std::string("egress_program"), next_name("egress_program")}) {
        const Fd program(bpf_obj_get((folder / name).c_str()));
        if (program && there == program_id(program.get())) return true;
    }
    return false;
}

void take_off_egress(const fs::path &folder, std::uint32_t ifindex) {
    unlink_now(folder / "egress");
    if (filter_is_ours(folder, ifindex)) remove_filter(ifindex);
}

void detach_folder_from(const fs::path &folder, std::uint32_t ifindex) {
    take_off_egress(folder, ifindex);
    unlink_now(folder / "ingress");
}

Result<Fd> link_xdp(int program, const Device &device, std::uint32_t flags) {
    bpf_link_create_opts options = {};
    options.sz = sizeof(options);
    options.flags = flags;
    Fd link(bpf_link_create(program, static_cast<int>(device.index), BPF_XDP, &options));
    if (link) return link;
    const int error = errno;
    if (error == EBUSY || error == EEXIST) {
        if (auto other = attached_xdp(device); other && *other)
            return tl::unexpected(occupied(device, **other));
    }
    if (error == EOPNOTSUPP)
        return fault(fmt::format("cannot attach to {}: native XDP is not supported by driver '{}' "
                                 "(EOPNOTSUPP)",
                                 device.name, device.driver),
                     "use --xdp generic (slower)");
    return cannot(fmt::format("attach XDP to {}", device.name), error);
}

struct Ingress {
    pm_attachment kind = PM_DETACHED;
    std::string note;
};

Result<Ingress> attach_ingress(const Pins &pins, unsigned number, const Device &device,
                               XdpMode mode) {
    auto program = open_pin(pins.path(number, "ingress_program"));
    if (!program) return tl::unexpected(program.error());
    const fs::path path = pins.path(number, "ingress");
    unlink_now(path);  // a link whose device went away

    Ingress made = {.kind = mode == XdpMode::generic ? PM_XDP_GENERIC : PM_XDP_NATIVE, .note = {}};
    auto link = link_xdp(program->get(), device,
                         mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    if (!link && mode == XdpMode::automatic && link.error().exit != Exit::refused) {
        const std::string native = link.error().message;
        link = link_xdp(program->get(), device, XDP_FLAGS_SKB_MODE);
        made.kind = PM_XDP_GENERIC;
        if (link)
            made.note = fmt::format("{}: generic XDP, which is slower ({})", device.name, native);
    }
    if (!link) return tl::unexpected(link.error());
    return pin(link->get(), path).map([&] { return std::move(made); });
}

// What is in the place of clsact, or under our priority and handle, may be of others.
Done check_clsact_free(const Device &device) {
    auto qdisc = ingress_qdisc(device.index);
    if (!qdisc) return tl::unexpected(qdisc.error());
    if (!qdisc->empty() && *qdisc != clsact)
        return fault(
            fmt::format("cannot attach to {}: a qdisc '{}' is in the place of clsact, and has no "
                        "way out",
                        device.name, *qdisc),
            fmt::format("clsact does all that it does: save its filters (tc filter show dev {0} "
                        "{1}), then tc qdisc del dev {0} {1}; tc qdisc add dev {0} clsact; and add "
                        "the filters again",
                        device.name, *qdisc),
            Exit::refused);
    const std::uint32_t there = filter_program(device.index);
    if (may_be_replaced(there)) return {};
    return fault(
        fmt::format("cannot attach to {}: a filter of others has priority {} and handle {:#x} on "
                    "its way out: program '{}' (id {})",
                    device.name, filter_priority, filter_handle, name_of_program(there), there),
        fmt::format("if it is not needed, remove it: tc filter del dev {} egress pref {} handle "
                    "{:#x} bpf",
                    device.name, filter_priority, filter_handle),
        Exit::refused);
}

Result<pm_attachment> attach_clsact(int program, const Device &device) {
    if (auto free = check_clsact_free(device); !free) return tl::unexpected(free.error());
    Filter filter(device.index);
    const int made = bpf_tc_hook_create(&filter.hook);
    if (made != 0 && made != -EEXIST)
        return cannot(fmt::format("make the clsact qdisc of {}", device.name), made);
    filter.options.prog_fd = program;
    filter.options.flags = BPF_TC_F_REPLACE;
    if (int error = bpf_tc_attach(&filter.hook, &filter.options))
        return cannot(fmt::format("attach the egress filter to {}", device.name), error);
    return PM_CLSACT;
}

Result<pm_attachment> attach_egress(const Pins &pins, unsigned number, const Device &device) {
    auto program = open_pin(pins.path(number, "egress_program"));
    if (!program) return tl::unexpected(program.error());
    const fs::path path = pins.path(number, "egress");
    unlink_now(path);

    const Fd link(
        bpf_link_create(program->get(), static_cast<int>(device.index), tcx_egress, nullptr));
    if (link) return pin(link.get(), path).map([] { return PM_TCX; });
    if (errno != EINVAL) return cannot(fmt::format("attach TCX to {}", device.name), errno);
    return attach_clsact(program->get(), device);  // a kernel before 6.6
}

}  // namespace

const char *xdp_name(XdpMode mode) {
    if (mode == XdpMode::automatic) return "auto";
    return mode == XdpMode::native ? "native" : "generic";
}

XdpMode xdp_mode(const std::string &name) {
    if (name == "generic") return XdpMode::generic;
    return name == "native" ? XdpMode::native : XdpMode::automatic;
}

Done check_ethernet(const Device &device) {
    if (device.ethernet) return {};
    return fault(
        fmt::format("{} cannot be filtered: its packets have no Ethernet header", device.name),
        fmt::format("filter the Ethernet device that its packets come by; if it is "
                    "attached: portmatrix detach -i {}",
                    device.name),
        Exit::usage);
}

Done check_free(const Device &device) {
    auto other = attached_xdp(device);
    if (!other) return tl::unexpected(other.error());
    if (!*other || may_be_own(**other)) return {};
    return tl::unexpected(occupied(device, **other));
}

std::uint32_t filter_program(std::uint32_t ifindex) {
    Filter filter(ifindex);
    return bpf_tc_query(&filter.hook, &filter.options) == 0 ? filter.options.prog_id : 0;
}

void remove_filter(std::uint32_t ifindex) {
    Filter filter(ifindex);
    bpf_tc_detach(&filter.hook, &filter.options);
}

std::uint32_t linked_device(const Pins &pins, const Pins::Interface &interface) {
    const std::uint32_t ingress = linked_ifindex(pins.path(interface.number, "ingress")),
                        egress = linked_ifindex(pins.path(interface.number, "egress"));
    for (const std::uint32_t index : {ingress, egress, interface.entry.ifindex}) {
        if (index == 0 || !find_device_by_index(index)) continue;
        const Proof proof = prove(pins, interface.number, index);
        if (proof.ingress.is_ours() || proof.egress.is_ours()) return index;
    }
    // If the device was moved into another network namespace, its index may belong to a stranger
    // here. Without links, others took the programs off.
    const bool is_linked = ingress != 0 || egress != 0;
    return !is_linked && find_device_by_index(interface.entry.ifindex) ? interface.entry.ifindex
                                                                       : 0;
}

Result<Device> device_of(const Pins &pins, const Pins::Interface &interface) {
    if (const std::uint32_t index = linked_device(pins, interface))
        if (auto device = find_device_by_index(index)) return device;
    if (interface.entry.ifindex == 0) return fault(fmt::format("{} is absent", interface.name()));
    return find_device(interface.name());
}

Attached attached_now(const Pins &pins, const Pins::Interface &interface) {
    const auto device = device_of(pins, interface);
    if (!device) return {};
    const Proof proof = prove(pins, interface.number, device->index);
    Attached now{.ingress = proof.ingress.kind, .egress = proof.egress.kind, .note = {}};
    for (const HookProof &one : {proof.ingress, proof.egress})
        if (one.found == HookProof::Found::unseen) now.note = one.about;
    return now;
}

namespace {

// Attaches what the proof lacks. A hook that cannot be seen is left alone: what may filter there
// would be taken off first.
Result<Attached> attach_hooks(const Pins &pins, unsigned number, const Device &device, XdpMode mode,
                              const Proof &before) {
    Attached now;
    if (before.ingress.found == HookProof::Found::unseen)
        return fault(fmt::format("what comes in by {} cannot be looked at: {}", device.name,
                                 before.ingress.about));
    if (before.egress.found == HookProof::Found::unseen)
        return fault(fmt::format("what goes out by {} cannot be looked at: {}", device.name,
                                 before.egress.about));
    if (!before.ingress.is_ours()) {
        auto made = attach_ingress(pins, number, device, mode);
        if (!made) return tl::unexpected(made.error());
        now.note = std::move(made->note);
    }
    if (!before.egress.is_ours())
        if (auto made = attach_egress(pins, number, device); !made)
            return tl::unexpected(made.error());
    return now;
}

// A device that was moved into another network namespace cannot be asked from here.
Done replace_link(const Pins &pins, const Pins::Interface &interface, const char *hook,
                  int program) {
    const fs::path path = pins.path(interface.number, hook);
    const std::uint32_t ifindex = linked_ifindex(path);
    if (ifindex == 0) return {};
    const Proof before = prove(pins, interface.number, ifindex);
    const Fd link(bpf_obj_get(path.c_str()));
    if (!link || bpf_link_update(link.get(), program, nullptr) != 0)
        return cannot(fmt::format("replace the {} program of {}", hook, interface.name()), errno);
    const ProgramIds ours{program_id(program)};
    if (std::string_view(hook) == "ingress" && before.ingress.is_ours())
        return check_proof(prove_ingress(ifindex, ours), interface.name(), "in");
    if (std::string_view(hook) == "egress" && before.egress.is_ours())
        return check_proof(prove_egress(ifindex, ours), interface.name(), "out");
    return {};
}

}  // namespace

Result<Attached> attach(const Pins &pins, unsigned number, const Device &device, XdpMode mode) {
    if (auto fits = check_ethernet(device); !fits) return tl::unexpected(fits.error());
    pm_interface entry = {};
    auto all = pins.interfaces();
    if (!all) return tl::unexpected(all.error());
    for (const Pins::Interface &one : *all)
        if (one.number == number) entry = one.entry;
    entry.ifindex = device.index;
    entry.generic = mode == XdpMode::generic;  // so that watch attaches it again in the same mode
    if (entry.name[0] == 0) device.name.copy(entry.name, sizeof(entry.name) - 1);
    // The entry comes before the links, so that a link which an interrupted run leaves is found.
    if (auto stored = pins.set_interface(number, entry); !stored)
        return tl::unexpected(stored.error());

    const Proof before = prove(pins, number, device.index);
    auto now = attach_hooks(pins, number, device, mode, before);
    if (!now) return now;
    const Proof proof = prove(pins, number, device.index);
    auto proved = check_proof(proof.ingress, device.name, "in").and_then([&] {
        return check_proof(proof.egress, device.name, "out");
    });
    if (!proved) {
        if (!before.egress.is_ours()) take_off_egress(pins.folder(number), device.index);
        if (!before.ingress.is_ours()) unlink_now(pins.path(number, "ingress"));
        return tl::unexpected(proved.error());
    }
    now->ingress = proof.ingress.kind;
    now->egress = proof.egress.kind;
    entry.ingress = static_cast<std::uint8_t>(now->ingress);
    entry.egress = static_cast<std::uint8_t>(now->egress);
    if (auto stored = pins.set_interface(number, entry); !stored)
        return tl::unexpected(stored.error());
    return now;
}

Done replace(const Pins &pins, const Pins::Interface &interface, int ingress, int egress) {
    auto replaced = replace_link(pins, interface, "ingress", ingress).and_then([&] {
        return replace_link(pins, interface, "egress", egress);
    });
    if (!replaced) return replaced;
    const std::uint32_t there = filter_program(interface.entry.ifindex);
    if (there == 0) return {};  // TCX, or none
    if (!filter_is_ours(pins.folder(interface.number), interface.entry.ifindex)) {
        const std::string name = name_of_program(there);
        if (name.empty())
            return fault(
                fmt::format("whose egress filter is on {} cannot be told", interface.name()),
                "only CAP_SYS_ADMIN can ask for its name: run 'portmatrix restore' as root");
        if (name != "pm_egress") return {};
    }
    Filter filter(interface.entry.ifindex);
    filter.options.prog_fd = egress;
    filter.options.flags = BPF_TC_F_REPLACE;
    if (int error = bpf_tc_attach(&filter.hook, &filter.options))
        return cannot(fmt::format("replace the egress filter of {}", interface.name()), error);
    return check_proof(prove_egress(interface.entry.ifindex, {program_id(egress)}),
                       interface.name(), "out");
}

Done detach(const Pins &pins, const Pins::Interface &interface) {
    detach_folder_from(pins.folder(interface.number), interface.entry.ifindex);
    return pins.set_interface(interface.number, {}).map([&] {
        pins.remove_interface(interface.number);
    });
}

std::uint32_t detach_folder(const fs::path &folder) {
    const std::uint32_t ifindex = linked_ifindex(folder / "ingress");
    detach_folder_from(folder, ifindex);
    return ifindex;
}

}  // namespace pm
