// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

struct TcpSocket {
    Address local, remote;
    std::uint16_t local_port = 0, remote_port = 0;
    std::uint32_t inode = 0;  // /proc/PID/fd names the socket by it; 0: no process has it
    std::uint32_t user = 0;   // of who made or accepted it; 0, root, where no process has it
};

// The sockets in one state (TCP_LISTEN, TCP_ESTABLISHED, ...), of both families.
Result<std::vector<TcpSocket>> tcp_sockets(int state);

}  // namespace pm
