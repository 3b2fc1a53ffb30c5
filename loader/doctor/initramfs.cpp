// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/initramfs.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <vector>

#include <fmt/core.h>

#include "loader/base/file.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr unsigned folder_mode = 0040755, file_mode = 0100644, program_mode = 0100755;

void pad(std::string &archive) {
    archive.resize((archive.size() + 3) / 4 * 4);
}

struct Libraries {
    fs::path loader;
    std::vector<fs::path> others;
};

// The first object is the program itself, and says which loader it wants.
int note_object(dl_phdr_info *info, std::size_t, void *data) {
    auto &found = *static_cast<Libraries *>(data);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        if (info->dlpi_phdr[i].p_type != PT_INTERP) continue;
        const std::uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): dl_iterate_phdr(3) gives numbers
        found.loader = reinterpret_cast<const char *>(at);
    }
    const fs::path name = info->dlpi_name;
    if (name.is_absolute() && name.filename() != found.loader.filename())  // not the vDSO
        found.others.push_back(name);
    return 0;
}

// Libraries are named by links.
Result<std::string> read_linked(const fs::path &path) {
    std::error_code error;
    const fs::path file = fs::canonical(path, error);
    if (error) return cannot(fmt::format("find {}", path.string()), error.value());
    return read_file(file);
}

}  // namespace

void Initramfs::add(const std::string &name, unsigned mode, std::string_view content) {
    // Magic, inode, mode, uid, gid, links, time, size, device, special device, length of the name,
    // checksum.
    archive_ += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", ++inode_, mode, 0,
                            0, 1, 0, content.size());
    archive_ += fmt::format("{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 0, 0, 0, 0, name.size() + 1, 0);
    archive_.append(name.c_str(), name.size() + 1);
    pad(archive_);
    archive_ += content;
    pad(archive_);
}

void Initramfs::add_folder(const fs::path &path) {
    if (!path.has_relative_path()) return;
    add_folder(path.parent_path());
    const std::string name = path.relative_path().string();
    if (folders_.insert(name).second) add(name, folder_mode, {});
}

void Initramfs::add_file(const fs::path &path, std::string_view content, bool runs) {
    add_folder(path.parent_path());
    add(path.relative_path().string(), runs ? program_mode : file_mode, content);
}

Done Initramfs::add_this_program(const fs::path &path) {
    Libraries libraries;
    dl_iterate_phdr(note_object, &libraries);
    const auto copy = [this](const fs::path &from, const fs::path &to) {
        return read_linked(from).map(
            [&](const std::string &content) { add_file(to, content, true); });
    };
    if (auto copied = copy("/proc/self/exe", path); !copied) return copied;
    if (!libraries.loader.empty())
        if (auto copied = copy(libraries.loader, libraries.loader); !copied) return copied;
    for (const fs::path &one : libraries.others)
        if (auto copied = copy(one, "/lib" / one.filename()); !copied) return copied;
    return {};
}

std::string Initramfs::packed() const {
    Initramfs whole = *this;
    whole.add("TRAILER!!!", 0, {});
    return std::move(whole.archive_);
}

}  // namespace pm
