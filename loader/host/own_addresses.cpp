// SPDX-License-Identifier: Apache-2.0
#include "loader/host/own_addresses.h"

#include <endian.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>

namespace pm {
namespace {

std::optional<Address> address_of(const sockaddr *given) {
    if (given && given->sa_family == AF_INET)
        return Address::v4(ntohl(reinterpret_cast<const sockaddr_in *>(given)->sin_addr.s_addr));
    if (!given || given->sa_family != AF_INET6) return std::nullopt;
    const std::uint8_t *bytes = reinterpret_cast<const sockaddr_in6 *>(given)->sin6_addr.s6_addr;
    std::uint64_t high = 0, low = 0;
    std::memcpy(&high, bytes, sizeof(high));
    std::memcpy(&low, bytes + sizeof(high), sizeof(low));
    return Address{be64toh(high), be64toh(low)};
}

}  // namespace

std::vector<OwnAddress> own_addresses() {
    std::vector<OwnAddress> own;
    ifaddrs *list = nullptr;
    if (getifaddrs(&list) != 0) return own;
    for (const ifaddrs *at = list; at; at = at->ifa_next)
        if (const auto address = address_of(at->ifa_addr)) own.push_back({at->ifa_name, *address});
    freeifaddrs(list);
    return own;
}

}  // namespace pm
