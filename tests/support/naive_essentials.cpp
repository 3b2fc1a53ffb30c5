// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_essentials.h"

#include <algorithm>
#include <iterator>

#include "tests/support/addresses.h"

namespace pm::naive {

using test::address;
using test::drop;
using test::essential;
using test::Verdict;

namespace {

std::uint32_t number_at(Frame frame, std::size_t offset, int bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | frame[offset + i];
    return value;
}

}  // namespace

bool is_of_link(const Headers &headers) {
    if (headers.kind != Headers::Kind::ip) return true;
    if (headers.is_later_fragment()) return false;
    if (headers.v4) return headers.protocol == 2;
    return headers.is_icmp() &&
           ((headers.icmp_type >= 130 && headers.icmp_type <= 136) || headers.icmp_type == 143);
}

std::optional<Verdict> see_icmpv6(const Headers &headers) {
    std::uint8_t type = headers.icmp_type;
    std::size_t least = type == 133 || type == 143 ? 8 : type == 134 ? 16 : 24;
    bool whole = !headers.fragment && headers.end - headers.transport >= least;
    bool from_link = is_link_local(headers.source) || headers.source == Address{};
    Verdict broken = drop(PM_DROP_MALFORMED_ESSENTIAL);
    if (type >= 133 && type <= 136)
        return whole && !headers.fragment_header && headers.hop_limit == 255 &&
                       headers.icmp_code == 0
                   ? essential(PM_ESSENTIAL_NEIGHBOUR)
                   : broken;
    if ((type >= 130 && type <= 132) || type == 143)
        return whole && headers.hop_limit == 1 && from_link ? essential(PM_ESSENTIAL_MULTICAST)
                                                            : broken;
    return {};
}

bool is_igmp(Frame frame, const Headers &headers) {
    const std::size_t length = headers.end - headers.transport;
    if (headers.fragment || headers.hop_limit != 1 || length < 8) return false;
    const bool alert = headers.transport - headers.network >= 24 &&
                       number_at(frame, headers.network + 20, 4) == 0x94040000;
    const Address group = Address::v4(number_at(frame, headers.transport + 4, 4));
    const bool to_group =
        group == headers.destination && is_multicast(group) && group != address("255.255.255.255");
    const std::uint8_t code = frame[headers.transport + 1];
    switch (frame[headers.transport]) {
        case 0x11:
            if (!to_group &&
                !(group == address("0.0.0.0") && headers.destination == address("224.0.0.1")))
                return false;
            if (length == 8) return code == 0 || alert;
            if (!alert || length < 12) return false;
            if (!to_group) return length == 12 && number_at(frame, headers.transport + 10, 2) == 0;
            return length == 12 + 4 * number_at(frame, headers.transport + 10, 2);
        case 0x12:
            return length == 8 && to_group;
        case 0x16:
            return length == 8 && to_group && alert;
        case 0x17:
            return length == 8 && headers.destination == address("224.0.0.2") && alert;
        case 0x22:
            return headers.destination == address("224.0.0.22") && alert;
        default:
            return false;
    }
}

Verdict see_arp(Frame frame, const Headers &headers) {
    constexpr std::uint8_t begin[] = {0, 1, 8, 0, 6, 4, 0};
    Frame arp = frame.subspan(headers.network);
    bool good = arp.size() >= 28 && std::equal(std::begin(begin), std::end(begin), arp.begin()) &&
                (arp[7] == 1 || arp[7] == 2);
    return good ? essential(PM_ESSENTIAL_ARP) : drop(PM_DROP_MALFORMED_ESSENTIAL);
}

Verdict see_slow(Frame frame, const Headers &headers) {
    constexpr std::uint8_t group[] = {0x01, 0x80, 0xc2, 0, 0, 2};
    Frame slow = frame.subspan(headers.network);
    bool good = std::equal(std::begin(group), std::end(group), frame.begin()) && !slow.empty() &&
                (slow[0] == 1 || slow[0] == 2);
    return good ? essential(PM_ESSENTIAL_LACP) : drop(PM_DROP_UNSUPPORTED_ETHERTYPE);
}

}  // namespace pm::naive
