// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "loader/base/fault.h"
#include "loader/host/tcp_sockets.h"

namespace pm {

// An established connection is a session if it is
// 1. to port 22, where systemd may hold the socket that listens. Where everybody may listen there
//    (net.ipv4.ip_unprivileged_port_start), it must be root who has accepted it;
// 2. to a port where an sshd process listens that has no connection itself: the listener of a host.
//    An sshd that listens and has a connection serves a session, and forwards by that port;
// 3. of an sshd process that has no session of 1 or 2. Its listener is inetd, has ended, or has
//    another port by now. All other connections of an sshd process are what its session forwards.
//
// An sshd process is one of root whose file belongs to root and is called sshd. What others run or
// call sshd bars no policy and no ban.
Result<std::vector<TcpSocket>> ssh_sessions();

}  // namespace pm
