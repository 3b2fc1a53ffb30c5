// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "loader/base/fault.h"
#include "loader/host/sshd_processes.h"
#include "loader/host/tcp_sockets.h"

namespace pm {

struct SshSession {
    TcpSocket socket;
    std::vector<std::uint32_t> users;  // who have logged in; empty: not known
    bool is_told = true;  // false: whether anybody has logged in cannot be told; it counts
};

// An established connection is a session if it is
// 1. to port 22, where systemd may hold the socket that listens. Where everybody may listen there
//    (net.ipv4.ip_unprivileged_port_start), it must be root who has accepted it;
// 2. to a port where an sshd process listens that has no connection itself: the listener of a host.
//    An sshd that listens and has a connection serves a session, and forwards by that port;
// 3. of an sshd process that has no session of 1 or 2. Its listener is inetd, has ended, or has
//    another port by now. All other connections of an sshd process are what its session forwards.
//
// Of these, one that nobody has logged in by is left out: a scanner's must not bar a change. This
// is known
// - of a connection that no process has accepted yet;
// - where OpenSSH's listener has started the process that has the connection. Until somebody has
//   logged in, that process and its listener hold the two ends of a pipe; as of OpenSSH 10, of a
//   pair of sockets. The listener counts by it how many have not logged in (MaxStartups).
// Where it is not known, as of another server, of inetd, or of a listener that was started anew,
// the connection counts.
Result<std::vector<SshSession>> ssh_sessions();

// What ssh_sessions() looks at.
struct SshFacts {
    std::vector<TcpSocket> listening, established;
    std::vector<SshdProcess> processes;
    // Of unix sockets, by inode; none: the kernel does not tell them.
    std::optional<std::map<std::uint32_t, std::uint32_t>> peers;
    bool is_usual_port_open = false;  // may others than root listen on port 22?
};
std::vector<SshSession> ssh_sessions_of(const SshFacts &facts);

}  // namespace pm
