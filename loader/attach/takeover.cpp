// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/takeover.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/base/file.h"
#include "loader/kernel/switch.h"

namespace pm {
namespace fs = std::filesystem;

namespace {

fs::path left_folder(const Paths &paths) {
    return paths.pins / "left";
}

struct OpenLink {
    Fd fd;
    bpf_link_info info = {};
};

// Without a descriptor: there is no such file.
Result<OpenLink> open_link(const fs::path &path) {
    OpenLink link{.fd = Fd(bpf_obj_get(path.c_str()))};
    std::uint32_t size = sizeof(link.info);
    if (!link.fd && errno == ENOENT) return link;
    if (!link.fd || bpf_obj_get_info_by_fd(link.fd.get(), &link.info, &size) != 0)
        return cannot(fmt::format("open {}", path.string()), errno);
    return link;
}

// Pins the link in PINS/left as well, as "ID-HOOK".
Done save_link(const Paths &paths, const fs::path &path) {
    auto opened = open_link(path);
    if (!opened) return tl::unexpected(opened.error());
    const OpenLink &link = *opened;
    // Of a link without a device it is 0; a TCX link has it as its first word too.
    if (link.info.xdp.ifindex == 0) return {};
    if (auto made = make_private_folder(left_folder(paths)); !made) return made;
    const fs::path saved =
        left_folder(paths) / fmt::format("{}-{}", link.info.id, path.filename().string());
    std::error_code error;
    return fs::exists(saved, error) ? Done() : pin(link.fd.get(), saved);
}

Done save_links(const Paths &paths) {
    auto entries = list_folder(paths.pins);
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        if (!entry.filename().string().starts_with(interface_prefix)) continue;
        for (const char *hook : {"ingress", "egress"})
            if (auto saved = save_link(paths, entry / hook); !saved) return saved;
    }
    return {};
}

}  // namespace

Result<std::vector<LeftLink>> left_links(const Paths &paths) {
    std::vector<LeftLink> links;
    const auto exists = has_private_folder(paths.pins);
    if (!exists) return tl::unexpected(exists.error());
    if (!*exists) return links;
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    if (!*build)
        if (auto saved = save_links(paths); !saved) return tl::unexpected(saved.error());
    auto entries = list_folder(left_folder(paths));
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        auto link = open_link(entry);
        if (!link) return tl::unexpected(link.error());
        const std::string name = entry.filename();
        if (link->info.xdp.ifindex != 0)
            links.push_back({.hook = name.substr(name.find('-') + 1),
                             .ifindex = link->info.xdp.ifindex,
                             .fd = std::move(link->fd)});
    }
    return links;
}

bool has_left_link(const std::vector<LeftLink> &links, const Device &device) {
    return std::ranges::find(links, device.index, &LeftLink::ifindex) != links.end();
}

Done take_over(const Pins &pins, unsigned number, const Device &device,
               const std::vector<LeftLink> &links) {
    Done done;
    for (const LeftLink &link : links) {
        if (link.ifindex != device.index) continue;
        auto program = open_pin(pins.path(number, link.hook + "_program"));
        if (!program)
            done = tl::unexpected(program.error());
        else if (bpf_link_update(link.fd.get(), program->get(), nullptr) != 0)
            done =
                cannot(fmt::format("replace the {} program of {}", link.hook, device.name), errno);
        std::error_code ignored;
        fs::remove(pins.path(number, link.hook), ignored);  // by who was killed here before
        if (auto pinned = pin(link.fd.get(), pins.path(number, link.hook)); !pinned) done = pinned;
    }
    return done;
}

Result<std::vector<std::string>> finish_taking_over(const Paths &paths) {
    std::vector<std::string> done;
    auto links = left_links(paths);
    if (!links) return tl::unexpected(links.error());
    if (links->empty()) {
        std::error_code ignored;
        fs::remove(left_folder(paths), ignored);  // empty: who took them over was killed at that
        return done;
    }
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins) return done;
    auto control = Switch::open((*pins)->maps(), Access::read);
    if (!control) return tl::unexpected(control.error());
    if (control->state().record.mode == PM_MODE_OFF) return done;
    auto interfaces = (*pins)->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    // A device that cannot be asked for now is not one that has gone.
    for (const LeftLink &one : *links)
        if (auto device = look_up_device(one.ifindex); !device)
            return tl::unexpected(device.error());
    for (const Pins::Interface &one : *interfaces) {
        const auto device = device_of(**pins, one);
        if (!device || !has_left_link(*links, *device)) continue;
        if (auto taken = take_over(**pins, one.number, *device, *links); !taken)
            return tl::unexpected(taken.error());
        done.push_back(
            fmt::format("the programs that others had left on {} are replaced", one.name()));
    }
    forget_left(paths);
    return done;
}

Result<std::optional<pm_build>> newer_build(const Paths &paths) {
    Paths all = paths;
    all.leaves_newer = false;
    auto build = Pins::build(all);
    if (build && *build && (*build)->abi <= PM_ABI_VERSION) return std::nullopt;
    return build;
}

void forget_left(const Paths &paths) {
    std::error_code ignored;
    for (const fs::path &file : list_folder(left_folder(paths)).value_or(std::vector<fs::path>()))
        fs::remove(file, ignored);
    fs::remove(left_folder(paths), ignored);
}

}  // namespace pm
