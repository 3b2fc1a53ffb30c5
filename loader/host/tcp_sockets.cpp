// SPDX-License-Identifier: Apache-2.0
#include "loader/host/tcp_sockets.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include <libmnl/libmnl.h>

#include "loader/host/netlink_request.h"

namespace pm {
namespace {

Address socket_address(std::uint8_t family, const __be32 words[4]) {
    if (family == AF_INET) return Address::v4(ntohl(words[0]));
    auto half = [&](int i) { return std::uint64_t{ntohl(words[i])} << 32 | ntohl(words[i + 1]); };
    return {half(0), half(2)};
}

TcpSocket socket_of(const nlmsghdr *message) {
    const auto *found = static_cast<const inet_diag_msg *>(mnl_nlmsg_get_payload(message));
    return {.local = socket_address(found->idiag_family, found->id.idiag_src),
            .remote = socket_address(found->idiag_family, found->id.idiag_dst),
            .local_port = ntohs(found->id.idiag_sport),
            .remote_port = ntohs(found->id.idiag_dport),
            .inode = found->idiag_inode,
            .user = found->idiag_uid};
}

// Asks sock_diag(7).
Done add_sockets(std::uint8_t family, int state, std::vector<TcpSocket> &sockets) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    auto *wanted = static_cast<inet_diag_req_v2 *>(
        mnl_nlmsg_put_extra_header(request, sizeof(inet_diag_req_v2)));
    wanted->sdiag_family = family;
    wanted->sdiag_protocol = IPPROTO_TCP;
    wanted->idiag_states = 1u << state;
    return dump_netlink("list the TCP connections", NETLINK_SOCK_DIAG, request,
                        [&](const nlmsghdr *message) { sockets.push_back(socket_of(message)); });
}

}  // namespace

Result<std::vector<TcpSocket>> tcp_sockets(int state) {
    std::vector<TcpSocket> sockets;
    return add_sockets(AF_INET, state, sockets)
        .and_then([&] { return add_sockets(AF_INET6, state, sockets); })
        .map([&] { return std::move(sockets); });
}

}  // namespace pm
