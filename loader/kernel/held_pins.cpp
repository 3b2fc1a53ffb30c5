// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/held_pins.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "loader/kernel/bpffs.h"
#include "loader/kernel/switch.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

// Whatever it is: the infos of maps, programs and links begin with the type and the id.
struct ObjectInfo {
    std::uint32_t type, id;
};

std::uint32_t id_of(int fd) {
    ObjectInfo info = {};
    std::uint32_t size = sizeof(info);
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info.id : 0;
}

bpf_link_info link_info(int fd) {
    bpf_link_info info = {};
    std::uint32_t size = sizeof(info);
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info : bpf_link_info{};
}

// "interface-0/ingress" has the folder "interface-0/" and the base "ingress"; of a shared map the
// folder is empty.
std::string folder_of(std::string_view name) {
    const std::size_t slash = name.find('/');
    return slash == name.npos ? "" : std::string(name.substr(0, slash + 1));
}

std::string base_of(std::string_view name) {
    return std::string(name.substr(folder_of(name).size()));
}

bool is_link(const std::string &name) {
    const std::string base = base_of(name);
    return !folder_of(name).empty() && (base == "ingress" || base == "egress");
}

std::optional<unsigned> number_of(const std::string &name) {
    const std::string folder = folder_of(name);
    if (folder.empty()) return std::nullopt;
    return parse_digits<unsigned>(
        folder.substr(interface_prefix.size(), folder.size() - interface_prefix.size() - 1));
}

// The files below a folder of interfaces, or of the pin folder itself. None, if it is not there.
Done add_files(const fs::path &folder, const std::string &prefix, std::vector<std::string> &names) {
    std::error_code error;
    auto entries = fs::directory_iterator(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const std::string name = entries->path().filename();
        std::error_code ignored;
        if (prefix.empty() && entries->is_directory(ignored)) {
            if (!name.starts_with(interface_prefix)) continue;
            if (auto added = add_files(entries->path(), name + "/", names); !added) return added;
        } else if (name.find('.') == std::string::npos) {  // others are the kernel's own
            names.push_back(prefix + name);
        }
    }
    if (error && error.value() != ENOENT)
        return cannot(fmt::format("read the folder {}", folder.string()), error.value());
    return {};
}

}  // namespace

Result<HeldPins::ByName> HeldPins::pinned_now(const Paths &paths) {
    auto exists = has_private_folder(paths.pins);
    if (!exists) return tl::unexpected(exists.error());
    ByName now;
    if (!*exists) return now;
    std::vector<std::string> names;
    if (auto added = add_files(paths.pins, "", names); !added) return tl::unexpected(added.error());
    for (const std::string &name : names) {
        auto fd = open_pin(paths.pins / name);
        if (!fd) return tl::unexpected(fd.error());
        const std::uint32_t id = id_of(fd->get());
        now.emplace(name, Held{.fd = std::move(*fd), .id = id});
    }
    return now;
}

Done HeldPins::take(const Paths &paths, const std::vector<std::string> &detached) {
    auto now = pinned_now(paths);
    if (!now) return tl::unexpected(now.error());
    const auto lost = std::ranges::any_of(
        held_, [&](const auto &one) { return is_missing(one.first, *now, detached); });
    if (lost && !is_of_others(*now) && !has_other_abi(*now)) return {};
    if (!now->contains("abi") || !now->contains("control")) now->clear();
    held_ = std::move(*now);
    return {};
}

// Are these the pins of other maps than those held?
bool HeldPins::is_of_others(const ByName &now) const {
    const auto control = now.find("control");
    return control != now.end() && control->second.id != held_.at("control").id;
}

// Another process has taken over from one layout to another.
bool HeldPins::has_other_abi(const ByName &now) const {
    const auto there = now.find("abi"), held = held_.find("abi");
    return there != now.end() && held != held_.end() && there->second.id != held->second.id;
}

bool HeldPins::has_other_layout(const ByName &now) {
    const auto there = now.find("abi");
    if (there == now.end()) return false;
    const auto build = read_build(there->second.fd.get());
    return !build || build->abi != PM_ABI_VERSION;
}

int HeldPins::fd(const std::string &name) const {
    const auto found = held_.find(name);
    return found == held_.end() ? -1 : found->second.fd.get();
}

bool HeldPins::in_force() const {
    if (has_other_layout(held_)) return true;  // it may be: the maps cannot be read
    Maps maps;
    for (const char *name : {"control", "images", "bans"}) {
        if (fd(name) < 0) return false;
        maps.add(name, Fd::copy_of(fd(name)));
    }
    const auto control = Switch::open(maps, Access::read);
    return control && control->state().record.mode != PM_MODE_OFF;
}

// Of another layout they may have another size.
bool HeldPins::has_entries() const {
    return Map<std::uint32_t, pm_interface>::of(fd("interfaces"), "interfaces").has_value();
}

std::optional<pm_interface> HeldPins::entry(unsigned number) const {
    auto map = Map<std::uint32_t, pm_interface>::of(fd("interfaces"), "interfaces");
    if (!map || number >= PM_INTERFACES) return std::nullopt;
    auto entry = map->get(number);
    if (!entry || entry->ifindex == 0) return std::nullopt;
    entry->name[sizeof(entry->name) - 1] = 0;
    return *entry;
}

bool HeldPins::is_missing(const std::string &name, const ByName &now,
                          const std::vector<std::string> &detached) const {
    if (now.contains(name)) return false;
    const std::string folder = folder_of(name), base = base_of(name);
    auto is_as_held = [&](const std::string &other) {
        const auto there = now.find(other);
        const auto held = held_.find(other);
        return there == now.end() || (held != held_.end() && held->second.id == there->second.id);
    };
    if (base.starts_with(next_prefix) &&
        (has_other_layout(held_) || !is_as_held(folder + base.substr(next_prefix.size()))))
        return false;
    if (folder.empty()) return true;

    const auto number = number_of(name);
    if (!number) return false;
    if (has_entries()) {
        const auto interface = entry(*number);
        if (!interface || std::ranges::find(detached, interface->name) != detached.end())
            return false;
    }
    if (is_link(name)) {
        const bpf_link_info link = link_info(fd(name));
        if (link.xdp.ifindex == 0) return false;  // a TCX link has it as its first word too
    }
    return std::ranges::all_of(now, [&](const auto &one) {
        return folder_of(one.first) != folder || is_as_held(one.first);
    });
}

// Do the links run the programs that are held?
Done HeldPins::check_programs() const {
    for (const auto &[name, held] : held_) {
        if (!is_link(name)) continue;
        const bpf_link_info link = link_info(held.fd.get());
        if (link.xdp.ifindex == 0) continue;
        const std::string program = base_of(name) + "_program";
        const bool known =
            std::ranges::any_of(std::vector{folder_of(name) + program,
                                            folder_of(name) + std::string(next_prefix) + program},
                                [&](const std::string &one) {
                                    const auto found = held_.find(one);
                                    return found != held_.end() && found->second.id == link.prog_id;
                                });
        if (!known)
            return fault(fmt::format("the link {} runs a program that is not known here", name),
                         "the pinned state is damaged: 'detach --all --force', then apply again");
    }
    return {};
}

Result<std::vector<std::string>> HeldPins::missing(const Paths &paths,
                                                   const std::vector<std::string> &detached) {
    std::vector<std::string> names;
    auto now = pinned_now(paths);
    if (!now) return tl::unexpected(now.error());
    // A newer release has taken over, or another process from an older one: what it made is whole,
    // or the next takeover finishes it.
    const bool is_other_layout = has_other_layout(*now) || has_other_layout(held_);
    if (has_other_abi(*now) && (is_other_layout || !is_of_others(*now))) return names;
    if (is_of_others(*now)) {
        HeldPins others;
        others.held_ = std::move(*now);
        if (others.in_force()) {
            release();
            return names;
        }
        now->clear();
        Pins::remove_all(paths);  // what a first apply left that was interrupted
    }
    for (const auto &[name, held] : held_)
        if (is_missing(name, *now, detached)) names.push_back(name);
    if (names.empty()) return names;
    return check_programs().map([&] { return names; });
}

Done HeldPins::pin_again(const Paths &paths, std::vector<std::string> missing) const {
    if (auto ready = prepare_pin_folder(paths.pins); !ready) return ready;
    auto rank = [](const std::string &name) { return name == "abi" ? 2 : is_link(name) ? 0 : 1; };
    std::ranges::stable_sort(missing, {}, rank);
    for (const std::string &name : missing) {
        if (const std::string folder = folder_of(name); !folder.empty()) {
            const fs::path path = paths.pins / folder.substr(0, folder.size() - 1);
            if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
                return cannot(fmt::format("make the folder {}", path.string()), errno);
        }
        if (auto done = pin(fd(name), paths.pins / name); !done) return done;
    }
    return {};
}

}  // namespace pm
