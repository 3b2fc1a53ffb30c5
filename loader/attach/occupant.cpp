// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/occupant.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/base/file.h"
#include "loader/kernel/bpffs.h"
#include "policy/base/fd.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

template <typename Info>
bool ask(int fd, Info &info) {
    std::uint32_t size = sizeof(info);
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0;
}

bool is_own_map(std::uint32_t id) {
    const Fd fd(bpf_map_get_fd_by_id(id));
    bpf_map_info info = {};
    return fd && ask(fd.get(), info) && std::string_view(info.name) == "control";
}

// Known by its name and by the map that tells what is in force.
bool is_own_program(std::uint32_t id) {
    const Fd fd(bpf_prog_get_fd_by_id(id));
    std::vector<std::uint32_t> maps(64);
    bpf_prog_info info = {};
    info.nr_map_ids = static_cast<std::uint32_t>(maps.size());
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
    if (!fd || !ask(fd.get(), info)) return false;
    const std::string_view name = info.name;
    if (name != "pm_ingress" && name != "pm_egress") return false;
    maps.resize(std::min<std::size_t>(info.nr_map_ids, maps.size()));
    return std::ranges::any_of(maps, is_own_map);
}

// The ids of the XDP programs that are pinned for interfaces, of whatever layout their maps are.
std::set<std::uint32_t> pinned_programs(const Paths &paths) {
    std::set<std::uint32_t> ids;
    const auto folders = list_folder(paths.pins);
    for (const fs::path &folder : folders.value_or(std::vector<fs::path>())) {
        if (!folder.filename().string().starts_with(interface_prefix)) continue;
        for (const std::string &name :
             {std::string("ingress_program"), next_name("ingress_program")}) {
            const auto fd = open_pin(folder / name);
            bpf_prog_info info = {};
            if (fd && ask(fd->get(), info)) ids.insert(info.id);
        }
    }
    return ids;
}

// The ids of the programs at both hooks of the device. The index that a link tells may be that of
// another device, in another network namespace.
Result<std::vector<std::uint32_t>> programs_on(const Device &device) {
    auto xdp = attached_xdp(device);
    if (!xdp) return tl::unexpected(xdp.error());
    std::vector<std::uint32_t> ids(64);
    auto count = static_cast<std::uint32_t>(ids.size());
    if (bpf_prog_query(static_cast<int>(device.index), tcx_egress, 0, nullptr, ids.data(),
                       &count) != 0) {
        if (errno != EINVAL)
            return cannot(fmt::format("list the programs at the egress hook of {}", device.name),
                          errno);
        count = 0;  // a kernel before 6.6
    }
    ids.resize(count);
    if (*xdp) ids.push_back((*xdp)->id);
    return ids;
}

struct DeviceLink {
    Fd fd;
    std::uint32_t id, program;
};

// The links by which programs are on the device. A fault: they cannot be listed.
Result<std::vector<DeviceLink>> links_on(const Device &device) {
    auto programs = programs_on(device);
    if (!programs) return tl::unexpected(programs.error());
    std::vector<DeviceLink> links;
    std::uint32_t id = 0;
    while (bpf_link_get_next_id(id, &id) == 0) {
        Fd fd(bpf_link_get_fd_by_id(id));
        bpf_link_info info = {};
        if (!fd && errno == ENOENT) continue;  // it has just gone
        if (!fd || !ask(fd.get(), info)) return cannot(fmt::format("ask about link {}", id), errno);
        if (std::ranges::find(*programs, info.prog_id) != programs->end())
            links.push_back({.fd = std::move(fd), .id = id, .program = info.prog_id});
    }
    if (errno != ENOENT) return cannot("list the links of programs", errno);
    return links;
}

std::string remedy(const Device &device, const Result<std::vector<DeviceLink>> &links,
                   const XdpProgram &program) {
    const std::string off = fmt::format("ip link set dev {} xdp off", device.name);
    if (!links)
        return fmt::format(
            "if it is not needed, remove it: {}; if a link holds it ('bpftool link' lists "
            "them): bpftool link detach id LINK",
            off);
    const auto link = std::ranges::find(*links, program.id, &DeviceLink::program);
    if (link == links->end()) return "if it is not needed, remove it: " + off;
    return fmt::format("if it is not needed, remove it: bpftool link detach id {}", link->id);
}

}  // namespace

bool may_be_own(const XdpProgram &program) {
    return program.name.empty() || is_own_program(program.id);
}

Fault occupied(const Device &device, const XdpProgram &program) {
    if (is_own_program(program.id))
        return {.message = fmt::format(
                    "cannot attach to {}: portmatrix's own program '{}' (id {}) is on it, of "
                    "another pin folder, or of pins that were removed or are hidden by a mount",
                    device.name, program.name, program.id),
                .hint = fmt::format("make its pins visible again; if nobody needs it, take it off, "
                                    "which leaves {0} unfiltered: portmatrix detach -i {0} --force",
                                    device.name),
                .exit = Exit::refused};
    const std::string named = program.name.empty() ? "" : fmt::format(" '{}'", program.name);
    return {.message = fmt::format("cannot attach to {}: XDP program{} (id {}) is on it",
                                   device.name, named, program.id),
            .hint = remedy(device, links_on(device), program),
            .exit = Exit::refused};
}

std::vector<std::string> devices_with_own_program(const Paths &paths) {
    std::vector<std::string> names;
    const auto devices = all_devices();
    if (!devices) return names;
    const std::set<std::uint32_t> pinned = pinned_programs(paths);
    for (const Device &one : *devices) {
        const auto there = attached_xdp(one);
        if (there && *there && (pinned.contains((*there)->id) || is_own_program((*there)->id)))
            names.push_back(one.name);
    }
    return names;
}

Result<std::size_t> take_off_own(const Device &device) {
    auto links = links_on(device);
    if (!links) return tl::unexpected(links.error());
    std::size_t count = 0;
    for (const DeviceLink &one : *links) {
        if (!is_own_program(one.program)) continue;
        if (bpf_link_detach(one.fd.get()) != 0)
            return cannot(fmt::format("detach link {} of {}", one.id, device.name), errno);
        ++count;
    }
    if (is_own_program(filter_program(device.index))) {
        remove_filter(device.index);
        ++count;
    }
    return count;
}

}  // namespace pm
