// SPDX-License-Identifier: Apache-2.0
#include "loader/host/ssh_sessions.h"

#include <netinet/tcp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "loader/base/file.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::uint16_t usual_port = 22;
constexpr std::string_view program = "sshd";  // its file and its process begin so

// May others than root listen on the usual port? Where the kernel does not say, it is as usual.
bool is_usual_port_open() {
    const auto text = read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    std::istringstream words(text.value_or(std::string()));
    unsigned first = 0;
    return words >> first && first <= usual_port;
}

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

using Inodes = std::set<std::uint32_t>;

Result<Inodes> sockets_of(const fs::path &process) {
    auto files = entries_of(process / "fd");
    if (!files) return tl::unexpected(files.error());
    Inodes inodes;
    for (const fs::path &open : *files) {
        const auto target = link_of(open);
        if (!target) return tl::unexpected(target.error());
        constexpr std::string_view prefix = "socket:[";
        if (*target && (*target)->starts_with(prefix))
            inodes.insert(static_cast<std::uint32_t>(std::stoul((*target)->substr(prefix.size()))));
    }
    return inodes;
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

// Its real user; none: it has ended.
Result<std::optional<std::string>> user_of(const fs::path &process) {
    // Not the owner of its folder: who forbids core dumps gives that to root.
    auto text = read_file(process / "status");
    if (!text) {
        std::error_code error;
        if (!fs::exists(process / "status", error)) return std::nullopt;
        return tl::unexpected(text.error());
    }
    constexpr std::string_view key = "\nUid:\t";
    const std::size_t at = text->find(key);
    if (at == std::string::npos) return std::nullopt;  // it ended while it was read
    const std::size_t begin = at + key.size();
    return text->substr(begin, text->find('\t', begin) - begin);
}

// Who is an sshd is asked of its user and its file: anybody may call a process sshd, or run sshd.
// The file is looked at only where the process is root's, since others can choose one that cannot
// be looked at. A process that is gone meanwhile is none.
Result<bool> is_sshd(const fs::path &process) {
    const auto user = user_of(process);
    if (!user) return tl::unexpected(user.error());
    if (!*user || **user != "0") return false;
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

// The sockets of each sshd, or sshd-session as of OpenSSH 9.8. Where a user has logged in, the
// process of root beside the user's has the connection too.
Result<std::vector<Inodes>> sshd_processes() {
    std::vector<Inodes> processes;
    auto all = entries_of("/proc");
    if (!all) return tl::unexpected(all.error());
    for (const fs::path &process : *all) {
        auto name = name_of(process);
        if (!name) return tl::unexpected(name.error());
        if (!*name || !(*name)->starts_with(program)) continue;
        auto is_real = is_sshd(process);
        if (!is_real) return tl::unexpected(is_real.error());
        if (!*is_real) continue;
        auto inodes = sockets_of(process);
        if (!inodes) return tl::unexpected(inodes.error());
        processes.push_back(std::move(*inodes));
    }
    return processes;
}

}  // namespace

Result<std::vector<TcpSocket>> ssh_sessions() {
    auto listening = tcp_sockets(TCP_LISTEN);
    if (!listening) return listening;
    auto sessions = tcp_sockets(TCP_ESTABLISHED);
    if (!sessions) return sessions;
    const auto looked = sshd_processes();
    if (!looked) return tl::unexpected(looked.error());
    const std::vector<Inodes> &processes = *looked;

    // 1 and 2
    const bool is_open = is_usual_port_open();
    std::set<std::uint16_t> ports;
    const auto is_session = [&](const TcpSocket &one) {
        if (one.local_port == usual_port && (!is_open || (one.inode != 0 && one.user == 0)))
            return true;
        return ports.count(one.local_port) != 0;
    };

    for (const Inodes &process : processes) {
        const auto is_its = [&](const TcpSocket &one) { return process.count(one.inode) != 0; };
        if (std::ranges::any_of(*sessions, is_its)) continue;
        for (const TcpSocket &one : *listening)
            if (is_its(one)) ports.insert(one.local_port);
    }

    // 3
    Inodes others;
    for (const Inodes &process : processes)
        if (std::ranges::none_of(*sessions, [&](const TcpSocket &one) {
                return is_session(one) && process.count(one.inode);
            }))
            others.insert(process.begin(), process.end());
    std::erase_if(*sessions, [&](const TcpSocket &one) {
        return !is_session(one) && !others.count(one.inode);
    });
    return sessions;
}

}  // namespace pm
