// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nft_tables.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cerrno>

#include <libmnl/libmnl.h>

namespace pm {

// One table is asked for by its name: the answer is it, or ENOENT.
Result<bool> has_nft_table(const std::string &name) {
    constexpr const char *what = "ask nftables for its tables";
    if (name.size() >= NFT_NAME_MAXLEN) return false;
    std::array<char, 512> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto *family = static_cast<nfgenmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    family->nfgen_family = NFPROTO_INET;
    family->version = NFNETLINK_V0;
    mnl_attr_put_strz(request, NFTA_TABLE_NAME, name.c_str());

    const NetlinkSocket socket = open_netlink(NETLINK_NETFILTER);
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0 ||
        mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
        return cannot(what, errno);
    std::array<char, 8192> answer = {};
    const ssize_t size = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
    if (size < 0) return cannot(what, errno);
    if (mnl_cb_run(answer.data(), static_cast<std::size_t>(size), 0,
                   mnl_socket_get_portid(socket.get()), nullptr, nullptr) >= 0)
        return true;
    if (errno == ENOENT) return false;
    return cannot(what, errno);
}

NftEvents::NftEvents() : socket_(open_netlink(NETLINK_NETFILTER, SOCK_NONBLOCK)) {
    int group = NFNLGRP_NFTABLES;
    if (socket_ &&
        (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0 ||
         mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0))
        socket_.reset();
}

int NftEvents::fd() const {
    return socket_ ? mnl_socket_get_fd(socket_.get()) : -1;
}

void NftEvents::drain() const {
    if (!socket_) return;
    std::array<char, 32768> buffer;
    while (mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size()) > 0 ||
           errno == ENOBUFS) {
    }
}

}  // namespace pm
