// SPDX-License-Identifier: Apache-2.0
// Sessions are asked of sock_diag(7), which sees the network namespace that we are in.
#include "loader/lockout.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/core.h>

#include "loader/fd.h"
#include "loader/netlink.h"
#include "loader/own_addresses.h"
#include "loader/switch.h"
#include "policy/judge.h"
#include "policy/labels.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::uint16_t usual_port = 22;
constexpr std::size_t sessions_named = 3;

struct Socket {
    Address local, remote;
    std::uint16_t local_port = 0, remote_port = 0;
    std::uint32_t inode = 0;
};

Address address_of(std::uint8_t family, const __be32 words[4]) {
    if (family == AF_INET) return Address::v4(ntohl(words[0]));
    auto half = [&](int i) { return std::uint64_t{ntohl(words[i])} << 32 | ntohl(words[i + 1]); };
    return {half(0), half(2)};
}

// TCP sockets of a family in a state.
Result<std::vector<Socket>> tcp_sockets(std::uint8_t family, int state) {
    struct {
        nlmsghdr header;
        inet_diag_req_v2 request;
    } ask = {};
    ask.header.nlmsg_len = sizeof(ask);
    ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    ask.request.sdiag_family = family;
    ask.request.sdiag_protocol = IPPROTO_TCP;
    ask.request.idiag_states = 1u << state;
    const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd || send(fd.get(), &ask, sizeof(ask), 0) < 0)
        return cannot("list the TCP connections", errno);

    std::vector<Socket> sockets;
    alignas(nlmsghdr) char buffer[32768];
    for (;;) {
        const ssize_t size = recv(fd.get(), buffer, sizeof(buffer), 0);
        if (size <= 0) return cannot("list the TCP connections", errno);
        auto left = static_cast<unsigned>(size);
        for (auto *message = reinterpret_cast<nlmsghdr *>(buffer); NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_DONE) return sockets;
            if (message->nlmsg_type == NLMSG_ERROR)
                return cannot("list the TCP connections",
                              -static_cast<nlmsgerr *>(NLMSG_DATA(message))->error);
            const auto *found = static_cast<inet_diag_msg *>(NLMSG_DATA(message));
            sockets.push_back({address_of(found->idiag_family, found->id.idiag_src),
                               address_of(found->idiag_family, found->id.idiag_dst),
                               ntohs(found->id.idiag_sport), ntohs(found->id.idiag_dport),
                               found->idiag_inode});
        }
    }
}

Result<std::vector<Socket>> all_tcp_sockets(int state) {
    auto sockets = tcp_sockets(AF_INET, state);
    if (!sockets) return sockets;
    auto more = tcp_sockets(AF_INET6, state);
    if (!more) return more;
    sockets->insert(sockets->end(), more->begin(), more->end());
    return sockets;
}

// What a folder holds, as far as it can be read: processes end while they are looked at.
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

// Connections to a port where sshd listens; to 22 in any case, for a socket that systemd holds. And
// those of an sshd that has none such: its listener is inetd, has ended or has another port by now.
// Of any other, what it has beside its session is what that forwards: no session, nor a listener.
Result<std::vector<Socket>> ssh_sessions() {
    auto listening = all_tcp_sockets(TCP_LISTEN);
    if (!listening) return listening;
    auto sessions = all_tcp_sockets(TCP_ESTABLISHED);
    if (!sessions) return sessions;
    const std::vector<Inodes> processes = sshd_processes();
    std::set<std::uint16_t> ports{usual_port};
    const auto is_session = [&](const Socket &one) { return ports.count(one.local_port) != 0; };

    for (const Inodes &process : processes) {
        const auto is_its = [&](const Socket &one) { return process.count(one.inode) != 0; };
        if (std::any_of(sessions->begin(), sessions->end(), is_its)) continue;
        for (const Socket &one : *listening)
            if (is_its(one)) ports.insert(one.local_port);
    }
    Inodes others;
    for (const Inodes &process : processes)
        if (std::none_of(sessions->begin(), sessions->end(), [&](const Socket &one) {
                return is_session(one) && process.count(one.inode);
            }))
            others.insert(process.begin(), process.end());
    std::erase_if(*sessions,
                  [&](const Socket &one) { return !is_session(one) && !others.count(one.inode); });
    return sessions;
}

// Adds what these interfaces, by index, stand on, to the lowest.
void add_lower(std::set<std::uint32_t> &interfaces) {
    const std::vector<Link> links = all_links();
    for (std::size_t before = 0; before != interfaces.size();) {
        before = interfaces.size();
        for (const Link &one : links) {
            if (one.lower != 0 && interfaces.count(one.index)) interfaces.insert(one.lower);
            if (one.master != 0 && interfaces.count(one.master)) interfaces.insert(one.index);
        }
    }
}

// Numbers of the interfaces of ours that have the session's local address, or by which its answers
// leave: an address may be that of a dummy. Also those below them, such as the port of a bridge or
// the parent of a VLAN. Where nothing can be told: all of them. Compared by index: names change.
std::vector<unsigned> numbers_of(const Socket &session, const std::vector<OwnAddress> &own,
                                 const std::vector<Pins::Interface> &interfaces) {
    std::set<std::uint32_t> found{route_interface(session.local, session.remote)};
    for (const OwnAddress &one : own)
        if (one.address == session.local) found.insert(if_nametoindex(one.interface.c_str()));
    found.erase(0);  // that there is none
    add_lower(found);
    std::vector<unsigned> numbers;
    for (const Pins::Interface &one : interfaces)
        if (found.empty() || found.count(one.entry.ifindex)) numbers.push_back(one.number);
    return numbers;
}

// Such a session runs over the loopback, whatever its addresses.
bool is_of_this_host(const Address &address, const std::vector<OwnAddress> &own) {
    if (address.is_v4() ? (address.low >> 24 & 0xff) == 127 : address.high == 0 && address.low == 1)
        return true;
    return std::any_of(own.begin(), own.end(),
                       [&](const OwnAddress &one) { return one.address == address; });
}

}  // namespace

pm_reason Judgement::verdict(const pm_tuple &session) const {
    if (!image.base || !(interfaces >> session.interface & 1)) return PM_UNDECIDED;
    return static_cast<pm_reason>(
        pm_reason_of(pm_judge(image, bans, boottime_ns(), &session, PM_IN)));
}

Done guard_sessions(const std::vector<Pins::Interface> &interfaces, const Judgement &before,
                    const Judgement &after, const std::string &way_out) {
    auto sessions = ssh_sessions();
    if (!sessions) return tl::unexpected(sessions.error());

    const std::vector<OwnAddress> own = own_addresses();
    std::size_t cut = 0;
    std::string named;
    for (const Socket &one : *sessions) {
        if (is_of_this_host(one.remote, own)) continue;
        for (const unsigned number : numbers_of(one, own, interfaces)) {
            pm_tuple session = {};
            session.local = one.local.abi();
            session.remote = one.remote.abi();
            session.local_port = one.local_port;
            session.remote_port = one.remote_port;
            session.protocol = PM_PROTO_TCP;
            session.interface = static_cast<std::uint8_t>(number);
            session.opener = PM_IN;
            const pm_reason reason = after.verdict(session);
            if (reason == PM_UNDECIDED || before.verdict(session) != PM_UNDECIDED) continue;
            if (cut++ < sessions_named)
                named += fmt::format("{}{} ({})", named.empty() ? "" : ", ", to_string(one.remote),
                                     reason_label(reason));
            break;
        }
    }
    if (cut == 0) return {};
    return fault(fmt::format("it would cut {} SSH session{} of this host, from {}{}", cut,
                             cut == 1 ? "" : "s", named, cut > sessions_named ? ", ..." : ""),
                 way_out, Exit::refused);
}

}  // namespace pm
