// SPDX-License-Identifier: Apache-2.0
#include "loader/host/tunnels.h"

#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include <libmnl/libmnl.h>

#include "loader/host/netlink_request.h"

namespace pm {
namespace {

constexpr int by_payload = -1;   // the protocol is that of what is wrapped
constexpr int not_written = -2;  // the device does not say what it wraps packets in

// How a kind of device says what it wraps packets in: numbers of attributes in IFLA_INFO_DATA.
// 0: it has none of the sort.
struct TunnelKind {
    std::string_view name;
    int protocol = not_written;
    int local = 0, local6 = 0, remote = 0, remote6 = 0, port = 0, wrapped_again = 0;
};

constexpr TunnelKind gre_kind(std::string_view name) {
    return {.name = name,
            .protocol = IPPROTO_GRE,
            .local = IFLA_GRE_LOCAL,
            .remote = IFLA_GRE_REMOTE,
            .wrapped_again = IFLA_GRE_ENCAP_TYPE};
}
constexpr TunnelKind ip_kind(std::string_view name) {
    return {.name = name,
            .protocol = by_payload,
            .local = IFLA_IPTUN_LOCAL,
            .remote = IFLA_IPTUN_REMOTE,
            .wrapped_again = IFLA_IPTUN_ENCAP_TYPE};
}

constexpr TunnelKind tunnel_kinds[] = {
    {.name = "vxlan",
     .protocol = IPPROTO_UDP,
     .local = IFLA_VXLAN_LOCAL,
     .local6 = IFLA_VXLAN_LOCAL6,
     .remote = IFLA_VXLAN_GROUP,
     .remote6 = IFLA_VXLAN_GROUP6,
     .port = IFLA_VXLAN_PORT},
    {.name = "geneve",
     .protocol = IPPROTO_UDP,
     .remote = IFLA_GENEVE_REMOTE,
     .remote6 = IFLA_GENEVE_REMOTE6,
     .port = IFLA_GENEVE_PORT},
    gre_kind("gre"),
    gre_kind("gretap"),
    gre_kind("ip6gre"),
    gre_kind("ip6gretap"),
    ip_kind("ipip"),
    ip_kind("sit"),
    ip_kind("ip6tnl"),
    {.name = "erspan"},
    {.name = "ip6erspan"},
    {.name = "tun"},
    {.name = "wireguard"},
    {.name = "vti"},
    {.name = "vti6"},
    {.name = "xfrm"},
    {.name = "ppp"},
    {.name = "bareudp"},
    {.name = "gtp"},
};

using AttributeMap = std::map<int, const nlattr *>;

int read_by_number(const nlattr *attribute, void *context) {
    (*static_cast<AttributeMap *>(context))[mnl_attr_get_type(attribute)] = attribute;
    return MNL_CB_OK;
}

const nlattr *attribute_in(const AttributeMap &attributes, int number) {
    const auto found = number == 0 ? attributes.end() : attributes.find(number);
    return found == attributes.end() ? nullptr : found->second;
}

// None: it is not there, or is no address of one host.
std::optional<Address> host_address(const AttributeMap &attributes, int number, int number6) {
    for (const int one : {number, number6}) {
        const nlattr *attribute = attribute_in(attributes, one);
        if (!attribute) continue;
        const Address address = address_of(attribute);
        if (address != Address::v4(0) && address != Address() &&
            !AddressSet::multicast().contains(address))
            return address;
    }
    return std::nullopt;
}

// In network byte order, of either size.
std::uint16_t port_in(const nlattr *attribute) {
    if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(std::uint16_t)) return 0;
    return ntohs(mnl_attr_get_u16(attribute));
}

std::optional<Tunnel::Outer> outer_of(const TunnelKind &kind, const AttributeMap &data) {
    const auto remote = host_address(data, kind.remote, kind.remote6);
    if (kind.protocol == not_written || !remote) return std::nullopt;
    const nlattr *again = attribute_in(data, kind.wrapped_again);
    if (again && mnl_attr_get_u16(again) != TUNNEL_ENCAP_NONE) return std::nullopt;
    Tunnel::Outer outer;
    if (kind.protocol != by_payload) outer.protocol = static_cast<std::uint8_t>(kind.protocol);
    outer.remote = *remote;
    outer.local = host_address(data, kind.local, kind.local6);
    outer.port = port_in(attribute_in(data, kind.port));
    if (kind.port != 0 && outer.port == 0) return std::nullopt;
    return outer;
}

void add_tunnel(const nlmsghdr *message, std::vector<Tunnel> &found) {
    const auto *about = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
    AttributeMap link, info, data;
    mnl_attr_parse(message, sizeof(*about), read_by_number, &link);
    if (const nlattr *attribute = attribute_in(link, IFLA_LINKINFO))
        mnl_attr_parse_nested(attribute, read_by_number, &info);
    const nlattr *name = attribute_in(link, IFLA_IFNAME),
                 *kind_name = attribute_in(info, IFLA_INFO_KIND);
    if (!name || !kind_name) return;
    const std::string_view is = mnl_attr_get_str(kind_name);
    const auto *kind = std::ranges::find(tunnel_kinds, is, &TunnelKind::name);
    if (kind == std::end(tunnel_kinds)) return;
    if (const nlattr *attribute = attribute_in(info, IFLA_INFO_DATA))
        mnl_attr_parse_nested(attribute, read_by_number, &data);
    found.push_back({.index = static_cast<std::uint32_t>(about->ifi_index),
                     .name = mnl_attr_get_str(name),
                     .kind = std::string(is),
                     .outer = outer_of(*kind, data)});
}

int read_preferred_source(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == RTA_PREFSRC)
        *static_cast<std::optional<Address> *>(context) = address_of(attribute);
    return MNL_CB_OK;
}

}  // namespace

Result<std::vector<Tunnel>> tunnels() {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg));
    std::vector<Tunnel> found;
    return dump_netlink("list the tunnels", NETLINK_ROUTE, request,
                        [&](const nlmsghdr *message) { add_tunnel(message, found); })
        .map([&] { return std::move(found); });
}

std::optional<Address> source_towards(const Address &to) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    auto *route = static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    route->rtm_family = to.is_v4() ? AF_INET : AF_INET6;
    route->rtm_dst_len = to.is_v4() ? 32 : 128;
    put_address(request, RTA_DST, to);
    std::optional<Address> source;
    (void)ask_netlink(NETLINK_ROUTE, request, [&](const nlmsghdr *message) {
        if (message->nlmsg_type == RTM_NEWROUTE)
            mnl_attr_parse(message, sizeof(rtmsg), read_preferred_source, &source);
    });
    return source;
}

}  // namespace pm
