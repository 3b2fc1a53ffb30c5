// SPDX-License-Identifier: Apache-2.0
#include "loader/host/unix_sockets.h"

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <array>

#include <libmnl/libmnl.h>

#include "loader/host/netlink_request.h"

namespace pm {
namespace {

int read_unix_peer(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == UNIX_DIAG_PEER)
        *static_cast<std::uint32_t *>(context) = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

}  // namespace

Result<std::map<std::uint32_t, std::uint32_t>> unix_socket_peers() {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    auto *wanted =
        static_cast<unix_diag_req *>(mnl_nlmsg_put_extra_header(request, sizeof(unix_diag_req)));
    wanted->sdiag_family = AF_UNIX;
    wanted->udiag_states = ~0U;
    wanted->udiag_show = UDIAG_SHOW_PEER;
    std::map<std::uint32_t, std::uint32_t> peers;
    return dump_netlink("list the unix sockets", NETLINK_SOCK_DIAG, request,
                        [&](const nlmsghdr *message) {
                            const auto *found =
                                static_cast<const unix_diag_msg *>(mnl_nlmsg_get_payload(message));
                            std::uint32_t peer = 0;
                            mnl_attr_parse(message, sizeof(*found), read_unix_peer, &peer);
                            if (peer != 0) peers[found->udiag_ino] = peer;
                        })
        .map([&] { return std::move(peers); });
}

}  // namespace pm
