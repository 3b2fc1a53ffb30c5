// SPDX-License-Identifier: Apache-2.0
#include "loader/host/ssh_sessions.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "loader/base/file.h"
#include "loader/host/unix_sockets.h"

namespace pm {
namespace {

constexpr std::uint16_t usual_port = 22;

// May others than root listen on the usual port? Where the kernel does not say, it is as usual.
bool may_others_listen() {
    const auto text = read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    std::istringstream words(text.value_or(std::string()));
    unsigned first = 0;
    return words >> first && first <= usual_port;
}

std::vector<const SshdProcess *> of_root(const SshFacts &facts) {
    std::vector<const SshdProcess *> found;
    for (const SshdProcess &one : facts.processes)
        if (one.user == 0) found.push_back(&one);
    return found;
}

bool has(const SshdProcess &process, const TcpSocket &socket) {
    return process.sockets.contains(socket.inode);
}

bool has_any(const SshdProcess &process, const std::vector<TcpSocket> &sockets) {
    return std::ranges::any_of(sockets, [&](const TcpSocket &one) { return has(process, one); });
}

// The connections of 1, 2 and 3.
std::vector<TcpSocket> connections_to_sshd(const SshFacts &facts) {
    std::set<std::uint16_t> ports;
    for (const SshdProcess *process : of_root(facts)) {
        if (has_any(*process, facts.established)) continue;
        for (const TcpSocket &one : facts.listening)
            if (has(*process, one)) ports.insert(one.local_port);
    }
    const auto is_session = [&](const TcpSocket &one) {
        if (one.local_port == usual_port &&
            (!facts.is_usual_port_open || (one.inode != 0 && one.user == 0)))
            return true;
        return ports.contains(one.local_port);
    };
    Inodes others;
    for (const SshdProcess *process : of_root(facts))
        if (std::ranges::none_of(facts.established, [&](const TcpSocket &one) {
                return is_session(one) && has(*process, one);
            }))
            others.insert(process->sockets.begin(), process->sockets.end());
    std::vector<TcpSocket> found = facts.established;
    std::erase_if(found, [&](const TcpSocket &one) {
        return !is_session(one) && !others.contains(one.inode);
    });
    return found;
}

const SshdProcess *listener_of(const SshFacts &facts, const SshdProcess &process) {
    for (const SshdProcess *one : of_root(facts))
        if (one->id == process.parent && has_any(*one, facts.listening)) return one;
    return nullptr;
}

// Does the listener wait for somebody to log in by this process?
bool is_waited_for(const SshFacts &facts, const SshdProcess &process, const SshdProcess &listener) {
    const auto is_read = [&](std::uint32_t pipe) { return listener.read_pipes.contains(pipe); };
    const auto is_paired = [&](std::uint32_t socket) {
        if (!facts.peers) return false;
        const auto peer = facts.peers->find(socket);
        return peer != facts.peers->end() && listener.sockets.contains(peer->second);
    };
    return std::ranges::any_of(process.written_pipes, is_read) ||
           std::ranges::any_of(process.sockets, is_paired);
}

enum class LoggedIn { no, yes, unknown };

LoggedIn logged_in(const SshFacts &facts, const TcpSocket &socket) {
    if (socket.inode == 0) return LoggedIn::no;  // no process has accepted it
    LoggedIn result = LoggedIn::unknown;
    for (const SshdProcess *process : of_root(facts)) {
        if (!has(*process, socket)) continue;
        const SshdProcess *listener = listener_of(facts, *process);
        if (!listener) return LoggedIn::unknown;
        if (!is_waited_for(facts, *process, *listener))
            return facts.peers ? LoggedIn::yes : LoggedIn::unknown;
        result = LoggedIn::no;
    }
    return result;
}

// The users whose process has it beside that of root; root, where there is none.
std::vector<std::uint32_t> users_of(const SshFacts &facts, const TcpSocket &socket) {
    std::set<std::uint32_t> users;
    for (const SshdProcess &one : facts.processes)
        if (has(one, socket)) users.insert(one.user);
    if (users.size() > 1) users.erase(0);
    return {users.begin(), users.end()};
}

}  // namespace

std::vector<SshSession> ssh_sessions_of(const SshFacts &facts) {
    std::vector<SshSession> sessions;
    for (const TcpSocket &one : connections_to_sshd(facts)) {
        const LoggedIn is = logged_in(facts, one);
        if (is == LoggedIn::no) continue;
        const bool is_told = is == LoggedIn::yes;
        sessions.push_back({.socket = one,
                            .users = is_told ? users_of(facts, one) : std::vector<std::uint32_t>(),
                            .is_told = is_told});
    }
    return sessions;
}

Result<std::vector<SshSession>> ssh_sessions() {
    auto listening = tcp_sockets(TCP_LISTEN);
    if (!listening) return tl::unexpected(listening.error());
    auto established = tcp_sockets(TCP_ESTABLISHED);
    if (!established) return tl::unexpected(established.error());
    auto peers = unix_socket_peers();
    auto processes = sshd_processes();
    if (!processes) return tl::unexpected(processes.error());
    SshFacts facts = {.listening = std::move(*listening),
                      .established = std::move(*established),
                      .processes = std::move(*processes),
                      .peers = std::nullopt,
                      .is_usual_port_open = may_others_listen()};
    if (peers) facts.peers = std::move(*peers);
    return ssh_sessions_of(facts);
}

}  // namespace pm
