// SPDX-License-Identifier: Apache-2.0
#include "loader/host/link_events.h"

#include <linux/rtnetlink.h>

#include <cerrno>

#include <libmnl/libmnl.h>

namespace pm {

LinkEvents::LinkEvents() : socket_(open_netlink(NETLINK_ROUTE, SOCK_NONBLOCK)) {
    constexpr unsigned netconf =
        1u << (RTNLGRP_IPV4_NETCONF - 1) | 1u << (RTNLGRP_IPV6_NETCONF - 1);
    constexpr unsigned groups =
        RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | netconf;
    if (socket_ && mnl_socket_bind(socket_.get(), groups, MNL_SOCKET_AUTOPID) < 0) socket_.reset();
}

int LinkEvents::fd() const {
    return socket_ ? mnl_socket_get_fd(socket_.get()) : -1;
}

void LinkEvents::drain() const {
    char buffer[8192];
    while (mnl_socket_recvfrom(socket_.get(), buffer, sizeof(buffer)) > 0 || errno == ENOBUFS) {
    }
}

}  // namespace pm
