// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/pins.h"

#include <sys/stat.h>

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
    return fmt::format("interface-{}", number);
}

// The root of a bpffs also holds files of the kernel's own, progs.debug and maps.debug.
bool is_ours(const std::string &name) {
    return name.find('.') == std::string::npos;
}

void remove_files(const fs::path &folder) {
    std::error_code error;
    std::vector<fs::path> files;
    for (const auto &entry : fs::directory_iterator(folder, error))
        if (is_ours(entry.path().filename())) files.push_back(entry.path());
    for (const fs::path &file : files) fs::remove(file, error);
}

// Removes everything in it, in the order that pins.h says.
void remove_content(const fs::path &folder) {
    std::error_code error;
    std::vector<fs::path> interfaces;  // with any number: another layout may have more of them
    for (const auto &entry : fs::directory_iterator(folder, error))
        if (entry.path().filename().string().starts_with("interface-"))
            interfaces.push_back(entry.path());
    for (const fs::path &one : interfaces) {
        remove_files(one);
        fs::remove(one, error);
    }
    fs::remove(folder / "abi", error);
    remove_files(folder);
}

Done check_abi(const Maps &maps) {
    auto info = map_info(maps.fd("abi"), "abi");
    if (!info) return tl::unexpected(info.error());
    // In another layout `abi` may have another size. The version comes first in all of them.
    std::vector<std::uint32_t> value(info->value_size / 4 + 1);
    const std::uint32_t key = 0;
    if (bpf_map_lookup_elem(maps.fd("abi"), &key, value.data()) != 0)
        return cannot("read the map 'abi'", errno);
    if (value[0] != PM_ABI_VERSION)
        return fault(
            fmt::format("what is attached has layout {}, this portmatrix has {}", value[0],
                        PM_ABI_VERSION),
            "detach with the version that attached it, or with 'detach --all --force'; the host "
            "is unfiltered until the next apply");
    return {};
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

fs::path Pins::folder(unsigned number) const {
    return folder_ / folder_name(number);
}

fs::path Pins::path(unsigned number, const std::string &name) const {
    return folder(number) / name;
}

Result<std::optional<Pins>> Pins::open(const Paths &paths, Access access) {
    auto exists = has_private_folder(paths.pins);
    if (!exists) return tl::unexpected(exists.error());
    std::error_code error;
    if (!*exists || !fs::exists(paths.pins / "abi", error)) return std::nullopt;

    Pins pins(paths.pins, access);
    auto abi = open_pin(pins.path("abi"), access);
    if (!abi) return tl::unexpected(abi.error());
    pins.maps_.add("abi", std::move(*abi));
    if (auto checked = check_abi(pins.maps_); !checked) return tl::unexpected(checked.error());
    auto entries = list_folder(paths.pins);
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        const std::string name = entry.filename();
        if (!fs::is_regular_file(entry, error) || !is_ours(name) || is_probe(name)) continue;
        auto map = open_pin(entry, access);
        if (!map) return tl::unexpected(map.error());
        pins.maps_.add(name, std::move(*map));
    }
    return pins;
}

Result<Pins> Pins::create(const Paths &paths, const Program &program) {
    if (auto ready = prepare_pin_folder(paths.pins); !ready) return tl::unexpected(ready.error());
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
    if (done) done = abi->put(0, {.abi = PM_ABI_VERSION, .programs = build_hash()});
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
