// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/pins.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/kernel/bpffs.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

bool is_probe(const std::string &name) {
    return name.ends_with("ask_in") || name.ends_with("ask_out");
}

std::string folder_name(unsigned number) {
    return fmt::format("{}{}", interface_prefix, number);
}

// The root of a bpffs also holds files of the kernel's own, progs.debug and maps.debug.
bool is_ours(const std::string &name) {
    return name.find('.') == std::string::npos;
}

// For what is removed as far as it can be.
std::vector<fs::path> entries_of(const fs::path &folder) {
    return list_folder(folder).value_or(std::vector<fs::path>());
}

void remove_files(const fs::path &folder) {
    std::error_code error;
    std::vector<fs::path> files;
    for (const fs::path &entry : entries_of(folder))
        if (is_ours(entry.filename())) files.push_back(entry);
    for (const fs::path &file : files) fs::remove(file, error);
}

// Removes everything in it, in the order that pins.h says.
void remove_content(const fs::path &folder) {
    std::error_code error;
    std::vector<fs::path> folders;  // with any number: another layout may have more of them
    for (const fs::path &entry : entries_of(folder)) {
        const std::string name = entry.filename();
        if (name.starts_with(interface_prefix) || name.starts_with(layout_prefix))
            folders.push_back(entry);
    }
    for (const fs::path &one : folders) {
        remove_files(one);
        fs::remove(one, error);
    }
    fs::remove(folder / "abi", error);
    remove_files(folder);
}

Fault other_layout(const pm_build &build) {
    const std::string whose =
        build.release[0] != 0 ? fmt::format(", of release {},", build.release) : "";
    const std::string what = fmt::format("what is attached{} has layout {}, this portmatrix has {}",
                                         whose, build.abi, PM_ABI_VERSION);
    if (build.abi < PM_ABI_VERSION)
        return {what,
                "it goes on filtering; to take it over, or to see why that fails: "
                "portmatrix restore"};
    return {what,
            "it goes on filtering; use the release that attached it, or go back to this one with "
            "'portmatrix restore --downgrade'; 'detach --all --force' leaves this host unfiltered"};
}

Fault being_taken_over() {
    return {"what is attached is being taken over from another layout",
            "try again; if that goes on, 'portmatrix restore' finishes it or says why it fails"};
}

Result<std::uint32_t> id_of_abi(const Paths &paths, Access access) {
    auto abi = open_pin(paths.pins / "abi", access);
    if (!abi) return tl::unexpected(abi.error());
    return map_info(abi->get(), "abi").map([](const bpf_map_info &info) { return info.id; });
}

}  // namespace

Result<Fd> open_pin(const fs::path &path, Access access) {
    struct bpf_obj_get_opts options = {};
    options.sz = sizeof(options);
    options.file_flags = access == Access::read ? BPF_F_RDONLY : 0;
    Fd fd(bpf_obj_get_opts(path.c_str(), &options));
    if (!fd) return cannot(fmt::format("open the pin {}", path.string()), errno);
    return fd;
}

Done pin(int fd, const fs::path &path) {
    if (bpf_obj_pin(fd, path.c_str()) != 0)
        return cannot(fmt::format("make the pin {}", path.string()), errno);
    return {};
}

// In another layout `abi` may have another size. The version comes first in all of them.
Result<pm_build> read_build(int fd) {
    auto info = map_info(fd, "abi");
    if (!info) return tl::unexpected(info.error());
    std::vector<std::uint8_t> value(std::max<std::size_t>(info->value_size, sizeof(pm_build)));
    const std::uint32_t key = 0;
    if (bpf_map_lookup_elem(fd, &key, value.data()) != 0)
        return cannot("read the map 'abi'", errno);
    pm_build build = {};
    std::memcpy(&build, value.data(), std::min<std::size_t>(info->value_size, sizeof(build)));
    build.release[sizeof(build.release) - 1] = 0;
    return build;
}

Done pin_anew(int fd, const fs::path &path) {
    std::error_code ignored;
    fs::remove(path, ignored);
    return pin(fd, path);
}

Done rename_pin(const fs::path &from, const fs::path &to) {
    if (rename(from.c_str(), to.c_str()) != 0)
        return cannot(fmt::format("rename the pin {}", from.string()), errno);
    return {};
}

Result<bool> is_there(const fs::path &path) {
    struct stat about = {};
    if (lstat(path.c_str(), &about) == 0) return true;
    if (errno == ENOENT) return false;
    return cannot(fmt::format("look for {}", path.string()), errno);
}

Result<Fd> open_if_there(const fs::path &path) {
    Fd fd(bpf_obj_get(path.c_str()));
    if (fd || errno == ENOENT) return fd;
    return cannot(fmt::format("open the pin {}", path.string()), errno);
}

Done rename_if_there(const fs::path &from, const fs::path &to) {
    if (rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
    return cannot(fmt::format("rename the pin {}", from.string()), errno);
}

std::string next_name(const std::string &name) {
    return std::string(next_prefix) + name;
}

fs::path Pins::folder(unsigned number) const {
    return folder_ / folder_name(number);
}

fs::path Pins::path(unsigned number, const std::string &name) const {
    return folder(number) / name;
}

fs::path Pins::layout_folder(const Paths &paths, std::uint32_t version) {
    return paths.pins / fmt::format("{}{}", layout_prefix, version);
}

bool Pins::are_being_taken_over(const Paths &paths) {
    std::error_code error;
    return fs::exists(layout_folder(paths, PM_ABI_VERSION), error);
}

Result<std::optional<pm_build>> Pins::build(const Paths &paths, Access access) {
    auto exists = has_private_folder(paths.pins);
    if (!exists) return tl::unexpected(exists.error());
    std::error_code error;
    if (!*exists || !fs::exists(paths.pins / "abi", error)) return std::nullopt;
    auto abi = open_pin(paths.pins / "abi", access);
    if (!abi) return tl::unexpected(abi.error());
    auto build = read_build(abi->get());
    if (!build) return tl::unexpected(build.error());
    if (paths.leaves_newer && build->abi > PM_ABI_VERSION) return std::nullopt;
    return std::optional(*build);
}

Done Pins::open_maps() {
    auto entries = list_folder(folder_);
    if (!entries) return tl::unexpected(entries.error());
    std::error_code error;
    for (const fs::path &entry : *entries) {
        const std::string name = entry.filename();
        if (!fs::is_regular_file(entry, error) || !is_ours(name) || is_probe(name)) continue;
        auto map = open_pin(entry, access_);
        if (!map) return tl::unexpected(map.error());
        maps_.add(name, std::move(*map));
    }
    return {};
}

Result<std::optional<Pins>> Pins::open(const Paths &paths, Access access) {
    auto now = build(paths, access);
    if (!now) return tl::unexpected(now.error());
    if (!*now) return std::nullopt;
    if ((*now)->abi != PM_ABI_VERSION) return tl::unexpected(other_layout(**now));
    if (are_being_taken_over(paths)) return tl::unexpected(being_taken_over());
    Pins pins(paths.pins, access);
    auto before = id_of_abi(paths, access);
    if (!before) return tl::unexpected(before.error());
    if (auto opened = pins.open_maps(); !opened) return tl::unexpected(opened.error());
    auto after = id_of_abi(paths, access);
    if (!after) return tl::unexpected(after.error());
    if (*before != *after || are_being_taken_over(paths))
        return fault("other maps were attached meanwhile", "try again");
    return pins;
}

Result<Pins> Pins::open_any_layout(const Paths &paths) {
    Pins pins(paths.pins);
    return pins.open_maps().map([&] { return std::move(pins); });
}

Pins Pins::of(const Paths &paths, Maps maps) {
    Pins pins(paths.pins);
    pins.maps_ = std::move(maps);
    return pins;
}

Result<Pins> Pins::create(const Paths &paths, const Program &program) {
    if (auto ready = prepare_pin_folder(paths.pins); !ready) return tl::unexpected(ready.error());
    std::error_code ignored;
    fs::remove(paths.pins / "abi", ignored);  // first, so that the rest is always a leftover
    remove_content(paths.pins);

    Pins pins(paths.pins);
    Done done;
    auto pin_as = [&](int fd, const char *name) {
        if (done) done = pin(fd, pins.path(name));
    };
    for (const auto &[name, fd] : program.maps().all()) {
        pins.maps_.add(name, Fd::copy_of(fd.get()));
        if (name != "abi") pin_as(fd.get(), name.c_str());
    }
    pin_as(program.ask_in(), "ask_in");
    pin_as(program.ask_out(), "ask_out");
    auto abi = Map<std::uint32_t, pm_build>::of(pins.maps_, "abi");
    if (!abi) return tl::unexpected(abi.error());
    if (done) done = abi->put(0, this_build());
    pin_as(pins.maps_.fd("abi"), "abi");
    if (!done) {
        remove_all(paths);
        return tl::unexpected(done.error());
    }
    return pins;
}

void Pins::remove_all(const Paths &paths) {
    remove_content(paths.pins);
    std::error_code error;
    fs::remove(paths.pins, error);  // fails where it is a mount, or not ours alone
}

Result<std::vector<Pins::Interface>> Pins::interfaces() const {
    auto map = Map<std::uint32_t, pm_interface>::of(maps_, "interfaces");
    if (!map) return tl::unexpected(map.error());
    std::vector<Interface> result;
    for (unsigned number = 0; number < PM_INTERFACES; ++number) {
        auto entry = map->get(number);
        if (!entry) return tl::unexpected(entry.error());
        entry->name[sizeof(entry->name) - 1] = 0;
        if (entry->name[0] != 0) result.push_back({number, *entry});
    }
    return result;
}

Done Pins::set_interface(unsigned number, const pm_interface &entry) const {
    auto map = Map<std::uint32_t, pm_interface>::of(maps_, "interfaces");
    if (!map) return tl::unexpected(map.error());
    return map->put(number, entry);
}

bool Pins::has_interface(unsigned number) const {
    std::error_code error;
    return fs::exists(path(number, "egress_program"), error);  // the last to be pinned
}

Done Pins::pin_interface(unsigned number, const Program &program) const {
    remove_interface(number);  // what an interrupted run left
    const fs::path folder = folder_ / folder_name(number);
    if (mkdir(folder.c_str(), 0700) != 0)
        return cannot(fmt::format("make the folder {}", folder.string()), errno);
    return pin(program.rows(), folder / "rows")
        .and_then([&] { return pin(program.ingress(), folder / "ingress_program"); })
        .and_then([&] { return pin(program.egress(), folder / "egress_program"); });
}

void Pins::remove_interface(unsigned number) const {
    const fs::path folder = folder_ / folder_name(number);
    std::error_code error;
    fs::remove(folder / "egress", error);
    fs::remove(folder / "ingress", error);
    remove_files(folder);
    fs::remove(folder, error);
}

}  // namespace pm
