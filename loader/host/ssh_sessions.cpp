// SPDX-License-Identifier: Apache-2.0
#include "loader/host/ssh_sessions.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::uint16_t usual_port = 22;

// The entries of a folder, as far as it can be read: a process may end while its folder is read.
std::vector<fs::path> entries_of(const fs::path &folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
        entries.push_back(at->path());
    return entries;
}

using Inodes = std::set<std::uint32_t>;

// The sockets of each process named sshd, or sshd-session as of OpenSSH 9.8.
std::vector<Inodes> sshd_processes() {
    std::vector<Inodes> processes;
    for (const fs::path &process : entries_of("/proc")) {
        std::ifstream file(process / "comm");
        std::string name;
        if (!std::getline(file, name) || !name.starts_with("sshd")) continue;
        Inodes &inodes = processes.emplace_back();
        for (const fs::path &open : entries_of(process / "fd")) {
            std::error_code error;
            const std::string target = fs::read_symlink(open, error);
            constexpr std::string_view prefix = "socket:[";
            if (target.starts_with(prefix))
                inodes.insert(static_cast<std::uint32_t>(std::stoul(target.substr(prefix.size()))));
        }
    }
    return processes;
}

}  // namespace

Result<std::vector<TcpSocket>> ssh_sessions() {
    auto listening = tcp_sockets(TCP_LISTEN);
    if (!listening) return listening;
    auto sessions = tcp_sockets(TCP_ESTABLISHED);
    if (!sessions) return sessions;
    const std::vector<Inodes> processes = sshd_processes();

    // 1 and 2
    std::set<std::uint16_t> ports{usual_port};
    const auto is_session = [&](const TcpSocket &one) { return ports.count(one.local_port) != 0; };

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
