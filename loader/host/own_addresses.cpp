// SPDX-License-Identifier: Apache-2.0
#include "loader/host/own_addresses.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <libmnl/libmnl.h>

#include "loader/host/netlink_request.h"

namespace pm {
namespace {

// An optimistic address (RFC 4429) is used while it is checked.
bool is_in_use(std::uint32_t flags) {
    return !(flags & IFA_F_DADFAILED) && (!(flags & IFA_F_TENTATIVE) || (flags & IFA_F_OPTIMISTIC));
}

// Of a point-to-point interface IFA_ADDRESS is the peer's, and IFA_LOCAL its own; others may have
// IFA_ADDRESS alone.
struct Attributes {
    const nlattr *address = nullptr, *local = nullptr;
};

int read_address_attribute(const nlattr *attribute, void *context) {
    auto &found = *static_cast<Attributes *>(context);
    if (mnl_attr_get_type(attribute) == IFA_ADDRESS) found.address = attribute;
    if (mnl_attr_get_type(attribute) == IFA_LOCAL) found.local = attribute;
    return MNL_CB_OK;
}

void add_address(const nlmsghdr *message, std::vector<OwnAddress> &own) {
    const auto *about = static_cast<const ifaddrmsg *>(mnl_nlmsg_get_payload(message));
    if (about->ifa_family != AF_INET && about->ifa_family != AF_INET6) return;
    Attributes found;
    mnl_attr_parse(message, sizeof(*about), read_address_attribute, &found);
    const nlattr *address = found.local ? found.local : found.address;
    const std::size_t size = about->ifa_family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
    std::array<char, IF_NAMESIZE> name = {};
    if (!address || mnl_attr_get_payload_len(address) != size) return;
    const nlattr *subnet = found.address ? found.address : address;
    if (mnl_attr_get_payload_len(subnet) != size) return;
    if (!if_indextoname(about->ifa_index, name.data()))
        name = {};  // it is this host's all the same
    own.push_back({.interface = name.data(),
                   .address = address_of(address),
                   .index = about->ifa_index,
                   .subnet = {address_of(subnet), about->ifa_prefixlen},
                   .is_in_use = is_in_use(about->ifa_flags),
                   .is_deprecated = (about->ifa_flags & IFA_F_DEPRECATED) != 0,
                   .is_temporary =
                       about->ifa_family == AF_INET6 && (about->ifa_flags & IFA_F_TEMPORARY) != 0});
}

struct Route {
    std::uint32_t interface = 0;
    const nlattr *destination = nullptr, *gateway = nullptr;
};

int read_route_attribute(const nlattr *attribute, void *context) {
    auto &route = *static_cast<Route *>(context);
    switch (mnl_attr_get_type(attribute)) {
        case RTA_OIF:
            route.interface = mnl_attr_get_u32(attribute);
            break;
        case RTA_DST:
            route.destination = attribute;
            break;
        case RTA_GATEWAY:
            route.gateway = attribute;
            break;
    }
    return MNL_CB_OK;
}

int read_neighbour_attribute(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == NDA_DST)
        static_cast<Neighbour *>(context)->address = address_of(attribute);
    return MNL_CB_OK;
}

// Those that have answered, or that somebody has written down.
constexpr std::uint16_t known_neighbour =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

// Any address of the Internet would do: nothing is sent to them.
constexpr std::string_view far_addresses[] = {"192.88.99.1", "2002:c058:6301::"};

// The router on the way there; nothing: there is none, or no way.
std::optional<Neighbour> gateway_to(const Address &to) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    auto *about = static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    about->rtm_family = to.is_v4() ? AF_INET : AF_INET6;
    about->rtm_dst_len = to.is_v4() ? 32 : 128;
    put_address(request, RTA_DST, to);
    Route route;
    std::optional<Neighbour> gateway;
    (void)ask_netlink(NETLINK_ROUTE, request, [&](const nlmsghdr *message) {
        if (message->nlmsg_type != RTM_NEWROUTE) return;
        mnl_attr_parse(message, sizeof(rtmsg), read_route_attribute, &route);
        if (route.gateway)
            gateway = {.interface = route.interface,
                       .address = address_of(route.gateway),
                       .is_gateway = true};
    });
    return gateway;
}

}  // namespace

Result<std::vector<OwnAddress>> own_addresses() {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETADDR;
    mnl_nlmsg_put_extra_header(request, sizeof(ifaddrmsg));
    std::vector<OwnAddress> own;
    return dump_netlink("list the addresses of this host", NETLINK_ROUTE, request,
                        [&](const nlmsghdr *message) { add_address(message, own); })
        .map([&] { return std::move(own); });
}

Result<std::vector<Prefix>> local_prefixes() {
    std::vector<Prefix> prefixes;
    for (const int family : {AF_INET, AF_INET6}) {
        std::array<char, 256> buffer = {};
        nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
        request->nlmsg_type = RTM_GETROUTE;
        auto *about = static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
        about->rtm_family = static_cast<std::uint8_t>(family);
        about->rtm_type = RTN_LOCAL;
        const auto add = [&](const nlmsghdr *message) {
            const auto *one = static_cast<const rtmsg *>(mnl_nlmsg_get_payload(message));
            Route route;
            mnl_attr_parse(message, sizeof(*one), read_route_attribute, &route);
            if (one->rtm_type == RTN_LOCAL && route.destination)
                prefixes.push_back({address_of(route.destination), one->rtm_dst_len});
        };
        auto listed = dump_netlink("list the local routes", NETLINK_ROUTE, request, add,
                                   DumpFilter::by_header);
        if (!listed) return tl::unexpected(listed.error());
    }
    return prefixes;
}

Result<std::vector<Neighbour>> neighbours() {
    std::vector<Neighbour> all;
    for (const std::string_view far : far_addresses)
        if (const auto gateway = gateway_to(*parse_address(far))) all.push_back(*gateway);
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETNEIGH;
    mnl_nlmsg_put_extra_header(request, sizeof(ndmsg));
    return dump_netlink("list the neighbours", NETLINK_ROUTE, request,
                        [&](const nlmsghdr *message) {
                            const auto *about =
                                static_cast<const ndmsg *>(mnl_nlmsg_get_payload(message));
                            Neighbour one;
                            one.interface = static_cast<std::uint32_t>(about->ndm_ifindex);
                            if (!(about->ndm_state & known_neighbour)) return;
                            mnl_attr_parse(message, sizeof(*about), read_neighbour_attribute, &one);
                            all.push_back(one);
                        })
        .map([&] { return std::move(all); });
}

}  // namespace pm
