// SPDX-License-Identifier: Apache-2.0
#include "loader/host/sshd_processes.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view program = "sshd";  // its file and its process begin so

// Did the process end while its folder was read?
bool is_gone(const std::error_code &error) {
    return error.value() == ENOENT || error.value() == ESRCH;
}

Result<std::vector<fs::path>> entries_of(const fs::path &folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
        entries.push_back(at->path());
    if (error && !is_gone(error))
        return cannot(fmt::format("read {}", folder.string()), error.value());
    return entries;
}

// What a link in a process's folder points to; nothing: the process has ended, or the link is gone.
// A process that ends while its link is read answers EACCES; asked again, it is not there.
Result<std::optional<std::string>> link_of(const fs::path &link) {
    std::error_code error;
    fs::path target = fs::read_symlink(link, error);
    if (error.value() == EACCES) target = fs::read_symlink(link, error);
    if (!error) return target.string();
    if (is_gone(error)) return std::nullopt;
    return cannot(fmt::format("read {}", link.string()), error.value());
}

// The number in "socket:[12345]"; nothing: it is something else.
std::optional<std::uint32_t> inode_in(std::string_view target, std::string_view kind) {
    if (!target.starts_with(kind) || !target.ends_with("]")) return std::nullopt;
    target.remove_prefix(kind.size());
    target.remove_suffix(1);
    return parse_digits<std::uint32_t>(target);
}

Done read_open_files(SshdProcess &process) {
    auto files = entries_of(fs::path("/proc") / std::to_string(process.id) / "fd");
    if (!files) return tl::unexpected(files.error());
    for (const fs::path &open : *files) {
        const auto target = link_of(open);
        if (!target) return tl::unexpected(target.error());
        if (!*target) continue;
        if (const auto socket = inode_in(**target, "socket:[")) process.sockets.insert(*socket);
        const auto pipe = inode_in(**target, "pipe:[");
        // The link itself may be read or written as the file may.
        struct stat link = {};
        if (!pipe || lstat(open.c_str(), &link) != 0) continue;
        if (link.st_mode & S_IRUSR) process.read_pipes.insert(*pipe);
        if (link.st_mode & S_IWUSR) process.written_pipes.insert(*pipe);
    }
    return {};
}

// Its name; none: it is no process, or has ended.
Result<std::optional<std::string>> name_of(const fs::path &process) {
    if (process.filename().string().find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    std::error_code error;
    if (!fs::exists(process / "comm", error) && (!error || is_gone(error))) return std::nullopt;
    auto name = read_file(process / "comm");
    // A process that ends between the two answers with an empty name or ESRCH.
    if (!name && !fs::exists(process / "comm", error)) return std::nullopt;
    return name.map([](const std::string &text) { return std::optional(text); });
}

// A number of the file `status`, the first one behind the key.
std::optional<std::uint32_t> number_behind(const std::string &status, std::string_view key) {
    const std::size_t at = status.find(key);
    if (at == std::string::npos) return std::nullopt;
    const std::size_t begin = at + key.size();
    const std::size_t end = status.find_first_of("\t\n", begin);
    if (end == std::string::npos) return std::nullopt;
    return parse_digits<std::uint32_t>(std::string_view(status).substr(begin, end - begin));
}

// Its parent and its real user; none: it has ended.
Result<std::optional<SshdProcess>> look_at(const fs::path &process) {
    // Not the owner of its folder: who forbids core dumps gives that to root.
    auto text = read_file(process / "status");
    if (!text) {
        std::error_code error;
        if (!fs::exists(process / "status", error)) return std::nullopt;
        return tl::unexpected(text.error());
    }
    const auto parent = number_behind(*text, "\nPPid:\t"), user = number_behind(*text, "\nUid:\t");
    if (!parent || !user) return std::nullopt;  // it ended while it was read
    SshdProcess found;
    found.id = std::stoi(process.filename().string());
    found.parent = static_cast<int>(*parent);
    found.user = *user;
    return found;
}

// Who is an sshd is asked of its user and its file: anybody may call a process sshd, or run sshd.
// The file is looked at only where the process is root's, since others can choose one that cannot
// be looked at. A process that is gone meanwhile is none.
Result<bool> has_file_of_sshd(const fs::path &process) {
    const fs::path exe = process / "exe";
    const auto file = link_of(exe);
    if (!file) return tl::unexpected(file.error());
    if (!*file || !fs::path(**file).filename().string().starts_with(program)) return false;
    struct stat status = {};
    if (stat(exe.c_str(), &status) != 0) {
        const int why = errno;
        const auto again = link_of(exe);
        return again && !*again ? Result<bool>(false) : cannot("look at " + exe.string(), why);
    }
    return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// All that are called sshd: of root those that have its file, and those of others.
struct CalledSshd {
    std::vector<SshdProcess> of_root, of_others;
};
Result<CalledSshd> all_called_sshd() {
    CalledSshd found;
    auto all = entries_of("/proc");
    if (!all) return tl::unexpected(all.error());
    for (const fs::path &path : *all) {
        auto name = name_of(path);
        if (!name) return tl::unexpected(name.error());
        if (!*name || !(*name)->starts_with(program)) continue;
        auto process = look_at(path);
        if (!process) return tl::unexpected(process.error());
        if (!*process) continue;
        if ((*process)->user != 0) {
            found.of_others.push_back(std::move(**process));
            continue;
        }
        auto is_real = has_file_of_sshd(path);
        if (!is_real) return tl::unexpected(is_real.error());
        if (*is_real) found.of_root.push_back(std::move(**process));
    }
    return found;
}

}  // namespace

Result<std::vector<SshdProcess>> sshd_processes() {
    auto found = all_called_sshd();
    if (!found) return tl::unexpected(found.error());
    std::vector<SshdProcess> processes = std::move(found->of_root);
    std::erase_if(found->of_others, [&](const SshdProcess &one) {
        return std::ranges::find(processes, one.parent, &SshdProcess::id) == processes.end();
    });
    processes.insert(processes.end(), found->of_others.begin(), found->of_others.end());
    for (SshdProcess &one : processes)
        if (auto read = read_open_files(one); !read) return tl::unexpected(read.error());
    return processes;
}

}  // namespace pm
