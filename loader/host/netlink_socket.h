// SPDX-License-Identifier: Apache-2.0
// A netlink socket that closes itself.
#pragma once

#include <sys/socket.h>

#include <memory>

#include <libmnl/libmnl.h>

namespace pm {

struct CloseNetlink {
    void operator()(mnl_socket *socket) const { mnl_socket_close(socket); }
};
using NetlinkSocket = std::unique_ptr<mnl_socket, CloseNetlink>;

// Null, and errno says why, if it cannot be opened. `flags` are those of socket(2).
inline NetlinkSocket open_netlink(int bus, int flags = 0) {
    return NetlinkSocket(mnl_socket_open2(bus, SOCK_CLOEXEC | flags));
}

}  // namespace pm
