// SPDX-License-Identifier: Apache-2.0
#include "loader/host/own_addresses.h"

#include <endian.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

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

Address address_of(const nlattr &attribute) {
    const void *payload = mnl_attr_get_payload(&attribute);
    if (mnl_attr_get_payload_len(&attribute) == sizeof(in_addr)) {
        std::uint32_t word = 0;
        std::memcpy(&word, payload, sizeof(word));
        return Address::v4(be32toh(word));
    }
    std::array<std::uint64_t, 2> halves = {};
    std::memcpy(halves.data(), payload, sizeof(halves));
    return Address{be64toh(halves[0]), be64toh(halves[1])};
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
                   .address = address_of(*address),
                   .index = about->ifa_index,
                   .subnet = {address_of(*subnet), about->ifa_prefixlen},
                   .is_in_use = is_in_use(about->ifa_flags)});
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

}  // namespace pm
