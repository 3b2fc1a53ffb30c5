// SPDX-License-Identifier: Apache-2.0
#include "loader/host/link_events.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <cerrno>

namespace pm {

LinkEvents::LinkEvents() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK)) {
    if (socket_ && mnl_socket_bind(socket_, RTMGRP_LINK | RTMGRP_TC, MNL_SOCKET_AUTOPID) < 0) {
        mnl_socket_close(socket_);
        socket_ = nullptr;
    }
}

LinkEvents::~LinkEvents() {
    if (socket_) mnl_socket_close(socket_);
}

int LinkEvents::fd() const {
    return socket_ ? mnl_socket_get_fd(socket_) : -1;
}

void LinkEvents::drain() const {
    char buffer[8192];
    while (mnl_socket_recvfrom(socket_, buffer, sizeof(buffer)) > 0 || errno == ENOBUFS) {
    }
}

}  // namespace pm
