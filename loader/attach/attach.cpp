// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/attach.h"

#include <linux/if_link.h>
#include <net/if.h>

#include <filesystem>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/attach/occupant.h"
#include "loader/host/attached_programs.h"
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

bool filter_is_ours(const fs::path &folder, std::uint32_t ifindex) {
    const Fd program(bpf_obj_get((folder / "egress_program").c_str()));
    return program && filter_program(ifindex) == program_id(program.get());
}

void detach_folder_from(const fs::path &folder, std::uint32_t ifindex) {
    unlink_now(folder / "egress");
    if (filter_is_ours(folder, ifindex)) remove_filter(ifindex);
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

Result<pm_attachment> attach_clsact(int program, const Device &device) {
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

Result<Device> device_of(const Pins &pins, const Pins::Interface &interface) {
    const bpf_link_info link = link_info(pins.path(interface.number, "ingress"));
    char name[IF_NAMESIZE];
    if (link.xdp.ifindex != 0 && if_indextoname(link.xdp.ifindex, name)) {
        // If the device was moved into another network namespace, its index may belong to a
        // stranger here: only the device that our program is on is the one.
        auto device = find_device(name);
        auto program = device.and_then(attached_xdp);
        if (program && *program && (*program)->id == link.prog_id) return device;
    }
    return find_device(interface.name());
}

Attached attached_now(const Pins &pins, const Pins::Interface &interface) {
    Attached now;
    if (linked_ifindex(pins.path(interface.number, "ingress")) != 0)
        now.ingress = interface.entry.ingress == PM_XDP_GENERIC ? PM_XDP_GENERIC : PM_XDP_NATIVE;
    if (linked_ifindex(pins.path(interface.number, "egress")) != 0)
        now.egress = PM_TCX;
    else if (filter_is_ours(pins.folder(interface.number), interface.entry.ifindex))
        now.egress = PM_CLSACT;
    return now;
}

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

    Attached now = attached_now(pins, {number, entry});
    if (now.ingress == PM_DETACHED) {
        auto made = attach_ingress(pins, number, device, mode);
        if (!made) return tl::unexpected(made.error());
        now.ingress = made->kind;
        now.note = std::move(made->note);
    }
    if (now.egress == PM_DETACHED) {
        auto kind = attach_egress(pins, number, device);
        if (!kind) return tl::unexpected(kind.error());
        now.egress = *kind;
    }
    entry.ingress = static_cast<std::uint8_t>(now.ingress);
    entry.egress = static_cast<std::uint8_t>(now.egress);
    if (auto stored = pins.set_interface(number, entry); !stored)
        return tl::unexpected(stored.error());
    return now;
}

Done replace(const Pins &pins, const Pins::Interface &interface, int ingress, int egress) {
    const struct {
        const char *name;
        int program;
    } links[] = {{"ingress", ingress}, {"egress", egress}};
    for (const auto &one : links) {
        const fs::path path = pins.path(interface.number, one.name);
        if (linked_ifindex(path) == 0) continue;
        const Fd link(bpf_obj_get(path.c_str()));
        if (!link || bpf_link_update(link.get(), one.program, nullptr) != 0)
            return cannot(fmt::format("replace the {} program of {}", one.name, interface.name()),
                          errno);
    }
    Filter filter(interface.entry.ifindex);
    if (bpf_tc_query(&filter.hook, &filter.options) != 0) return {};  // TCX, or none
    filter = Filter(interface.entry.ifindex);
    filter.options.prog_fd = egress;
    filter.options.flags = BPF_TC_F_REPLACE;
    if (int error = bpf_tc_attach(&filter.hook, &filter.options))
        return cannot(fmt::format("replace the egress filter of {}", interface.name()), error);
    return {};
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
