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

OpenLink open_link(const fs::path &path) {
    OpenLink link{.fd = Fd(bpf_obj_get(path.c_str()))};
    std::uint32_t size = sizeof(link.info);
    if (link.fd && bpf_obj_get_info_by_fd(link.fd.get(), &link.info, &size) != 0) link.info = {};
    return link;
}

// Pins the link in PINS/left as well, as "ID-HOOK".
Done save_link(const Paths &paths, const fs::path &path) {
    const OpenLink link = open_link(path);
    // Of a link without a device it is 0; a TCX link has it as its first word too.
    if (link.info.xdp.ifindex == 0) return {};
    if (auto made = make_private_folder(left_folder(paths)); !made) return made;
    const fs::path saved =
        left_folder(paths) / fmt::format("{}-{}", link.info.id, path.filename().string());
    std::error_code error;
    return fs::exists(saved, error) ? Done() : pin(link.fd.get(), saved);
}

Done save_links(const Paths &paths) {
    std::error_code error;
    for (auto at = fs::directory_iterator(paths.pins, error);
         !error && at != fs::directory_iterator(); at.increment(error)) {
        if (!at->path().filename().string().starts_with(interface_prefix)) continue;
        for (const char *hook : {"ingress", "egress"})
            if (auto saved = save_link(paths, at->path() / hook); !saved) return saved;
    }
    if (error) return cannot(fmt::format("read the folder {}", paths.pins.string()), error.value());
    return {};
}

}  // namespace

Result<std::vector<LeftLink>> left_links(const Paths &paths) {
    std::vector<LeftLink> links;
    std::error_code error;
    const auto exists = has_private_folder(paths.pins);
    if (!exists) return tl::unexpected(exists.error());
    if (!*exists) return links;
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    if (!*build)
        if (auto saved = save_links(paths); !saved) return tl::unexpected(saved.error());
    for (auto at = fs::directory_iterator(left_folder(paths), error);
         !error && at != fs::directory_iterator(); at.increment(error)) {
        OpenLink link = open_link(at->path());
        const std::string name = at->path().filename();
        if (link.info.xdp.ifindex != 0)
            links.push_back({.hook = name.substr(name.find('-') + 1),
                             .ifindex = link.info.xdp.ifindex,
                             .fd = std::move(link.fd)});
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
    std::vector<fs::path> files;
    for (const auto &one : fs::directory_iterator(left_folder(paths), ignored))
        files.push_back(one.path());
    for (const fs::path &file : files) fs::remove(file, ignored);
    fs::remove(left_folder(paths), ignored);
}

}  // namespace pm
