// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nics.h"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <libmnl/libmnl.h>

#include "loader/host/netlink_socket.h"

namespace pm {
namespace {

constexpr int attempts_most = 10;  // for a list that changes while it is read

std::string address_text(const nlattr *attribute) {
    const auto *bytes = static_cast<const std::uint8_t *>(mnl_attr_get_payload(attribute));
    return fmt::format("{:02x}",
                       fmt::join(bytes, bytes + mnl_attr_get_payload_len(attribute), ":"));
}

int read_alternative_name(const nlattr *attribute, void *context) {
    auto &names = *static_cast<std::vector<std::string> *>(context);
    if (mnl_attr_get_type(attribute) == IFLA_ALT_IFNAME)
        names.emplace_back(mnl_attr_get_str(attribute));
    return MNL_CB_OK;
}

int read_kind(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
        *static_cast<std::string *>(context) = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

struct Reading {
    HostNic one;
    std::string address_now, permanent_address;
    bool lower_is_elsewhere =
        false;  // in another network namespace: its index is a stranger's here
};

int read_link_attribute(const nlattr *attribute, void *context) {
    auto &reading = *static_cast<Reading *>(context);
    Nic &nic = reading.one.nic;
    switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            nic.name = mnl_attr_get_str(attribute);
            break;
        case IFLA_PROP_LIST:
            mnl_attr_parse_nested(attribute, read_alternative_name, &nic.alternative_names);
            break;
        case IFLA_ADDRESS:
            reading.address_now = address_text(attribute);
            break;
        case IFLA_PERM_ADDRESS:
            reading.permanent_address = address_text(attribute);
            break;
        case IFLA_LINKINFO:
            mnl_attr_parse_nested(attribute, read_kind, &nic.kind);
            break;
        case IFLA_PARENT_DEV_BUS_NAME:
            nic.bus = mnl_attr_get_str(attribute);
            break;
        case IFLA_LINK:
            reading.one.lower = mnl_attr_get_u32(attribute);
            break;
        case IFLA_LINK_NETNSID:
            reading.lower_is_elsewhere = true;
            break;
        case IFLA_MASTER:
            reading.one.master = mnl_attr_get_u32(attribute);
            break;
    }
    return MNL_CB_OK;
}

HostNic nic_of(const nlmsghdr *message) {
    const auto *link = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
    Reading reading;
    HostNic &one = reading.one;
    one.index = static_cast<std::uint32_t>(link->ifi_index);
    one.loopback = link->ifi_flags & IFF_LOOPBACK;
    one.ethernet = link->ifi_type == ARPHRD_ETHER;
    mnl_attr_parse(message, sizeof(*link), read_link_attribute, &reading);
    one.nic.address =
        reading.permanent_address.empty() ? reading.address_now : reading.permanent_address;
    one.nic.port = one.master != 0;
    if (reading.lower_is_elsewhere) one.lower = 0;
    return one;
}

struct Dump {
    std::vector<HostNic> nics;
    bool ended = false;
    bool changed = false;  // while it was read
    int error = 0;
};

void read_message(const nlmsghdr *message, Dump &dump) {
    if (message->nlmsg_flags & NLM_F_DUMP_INTR) dump.changed = true;
    const auto *code = static_cast<const int *>(mnl_nlmsg_get_payload(message));
    const bool has_code = mnl_nlmsg_get_payload_len(message) >= sizeof(int);
    switch (message->nlmsg_type) {
        case RTM_NEWLINK:
            dump.nics.push_back(nic_of(message));
            break;
        case NLMSG_DONE:  // with the error that the list ended in
            dump.ended = true;
            if (has_code && *code < 0) dump.error = -*code;
            break;
        case NLMSG_ERROR:
            dump.error = has_code && *code < 0 ? -*code : EIO;
            break;
        case NLMSG_OVERRUN:
            dump.error = EOVERFLOW;
            break;
        default:
            break;
    }
}

Done send_question(const mnl_socket *socket) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg));
    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
        return cannot("ask for the interfaces of this host", errno);
    return {};
}

Result<Dump> read_dump() {
    const NetlinkSocket socket = open_netlink(NETLINK_ROUTE);
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0)
        return cannot("ask for the interfaces of this host", errno);
    if (auto sent = send_question(socket.get()); !sent) return tl::unexpected(sent.error());
    Dump dump;
    std::array<char, 65536> buffer = {};
    while (!dump.ended && dump.error == 0) {
        const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0)
            return cannot("read the interfaces of this host", size < 0 ? errno : ENODATA);
        int left = static_cast<int>(size);
        for (const auto *message = reinterpret_cast<const nlmsghdr *>(buffer.data());
             mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
            read_message(message, dump);
    }
    if (dump.error != 0) return cannot("read the interfaces of this host", dump.error);
    return dump;
}

}  // namespace

Result<std::vector<HostNic>> all_nics() {
    for (int attempt = 0; attempt < attempts_most; ++attempt) {
        auto dump = read_dump();
        if (!dump) return tl::unexpected(dump.error());
        if (!dump->changed) return std::move(dump->nics);
    }
    return fault("the interfaces of this host change faster than they can be read", "try again");
}

}  // namespace pm
