// SPDX-License-Identifier: Apache-2.0
// The SSH sessions of this host.
#pragma once

#include <vector>

#include "loader/host/tcp_sockets.h"

namespace pm {

// An established connection is a session if it is
// 1. to port 22, where systemd may hold the socket that listens;
// 2. to a port where an sshd listens that has no connection itself: the listener of a host. What
//    else listens belongs to a session, which forwards by it;
// 3. of an sshd process that has no session of 1 or 2. Its listener is inetd, has ended, or has
//    another port by now. Any other connection of an sshd is what its session forwards.
Result<std::vector<TcpSocket>> ssh_sessions();

}  // namespace pm
