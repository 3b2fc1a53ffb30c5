// SPDX-License-Identifier: Apache-2.0
// Which subnets are on the link of an interface.
#include "loader/attach/subnets.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/addresses.h"

namespace pm {
namespace {

using test::address;

Pins::Interface interface(unsigned number, std::uint32_t index) {
    pm_interface entry = {};
    entry.ifindex = index;
    return {number, entry};
}

OwnAddress own(std::uint32_t index, const char *own, int length) {
    return {
        .interface = "", .address = address(own), .index = index, .subnet = {address(own), length}};
}

Link link(std::uint32_t index, std::uint32_t lower, std::uint32_t master, const char *kind = "") {
    return {.index = index, .lower = lower, .master = master, .kind = kind};
}

std::vector<std::string> of(const std::vector<Pins::Interface> &interfaces,
                            const std::vector<Link> &links, const std::vector<OwnAddress> &own) {
    std::vector<std::string> texts;
    for (const Subnet &one : subnets_of(interfaces, links, own))
        texts.push_back(std::to_string(one.interface) + " " + to_string(one.prefix.range()));
    std::ranges::sort(texts);
    return texts;
}

using Texts = std::vector<std::string>;

TEST(Subnets, AreThoseOfItsOwnAddresses) {
    EXPECT_EQ(of({interface(3, 7)}, {link(7, 0, 0), link(8, 0, 0)},
                 {own(7, "192.0.2.9", 24), own(7, "2001:db8::9", 64), own(8, "10.0.0.1", 8)}),
              (Texts{"3 192.0.2.0/24", "3 2001:db8::/64"}));
}

TEST(Subnets, AreEachOnce) {
    EXPECT_EQ(of({interface(0, 7)}, {link(7, 0, 0)},
                 {own(7, "192.0.2.9", 24), own(7, "192.0.2.10", 24), own(7, "192.0.2.9", 32)}),
              (Texts{"0 192.0.2.0/24"}))
        << "and an address alone has nobody beside it";
}

TEST(Subnets, AreThoseOfWhatStandsOnIt) {
    const std::vector<Link> links = {link(2, 0, 5),           link(3, 0, 5),
                                     link(5, 0, 0, "bond"),   link(6, 5, 9, "vlan"),
                                     link(9, 0, 0, "bridge"), link(10, 9, 0, "macvlan")};
    const std::vector<OwnAddress> addresses = {own(5, "192.0.2.9", 24), own(6, "10.6.0.1", 24),
                                               own(9, "10.9.0.1", 24), own(10, "10.10.0.1", 24),
                                               own(4, "10.4.0.1", 24)};
    EXPECT_EQ(of({interface(1, 2)}, links, addresses),
              (Texts{"1 10.10.0.0/24", "1 10.6.0.0/24", "1 10.9.0.0/24", "1 192.0.2.0/24"}));
}

TEST(Subnets, ThePeerOfAPointToPointLinkIsOnIt) {
    OwnAddress own_end = own(7, "192.0.2.9", 32);
    own_end.subnet.address = address("192.0.2.10");
    EXPECT_EQ(of({interface(0, 7)}, {link(7, 0, 0)}, {own_end}), (Texts{"0 192.0.2.10"}));
}

TEST(Subnets, OfATunnelAreBehindIt) {
    EXPECT_EQ(of({interface(1, 2)}, {link(2, 0, 0), link(3, 2, 0, "vxlan"), link(4, 2, 0, "gre")},
                 {own(2, "192.0.2.9", 24), own(3, "10.3.0.1", 24), own(4, "10.4.0.1", 24)}),
              (Texts{"1 192.0.2.0/24"}));
}

TEST(Subnets, OfWhatIsBelowAreNotItsOwn) {
    EXPECT_EQ(of({interface(1, 3)}, {link(2, 0, 0), link(3, 2, 0, "vlan")},
                 {own(2, "192.0.2.9", 24), own(3, "10.3.0.1", 24)}),
              (Texts{"1 10.3.0.0/24"}));
}

TEST(Subnets, AnAbsentInterfaceHasNone) {
    EXPECT_EQ(
        of({interface(1, 0)}, {link(2, 0, 0)}, {own(2, "192.0.2.9", 24), own(0, "10.0.0.1", 8)}),
        Texts{});
}

TEST(Subnets, ARingOfInterfacesEnds) {
    EXPECT_EQ(of({interface(1, 2)}, {link(2, 0, 3), link(3, 0, 2)}, {own(3, "10.3.0.1", 24)}),
              (Texts{"1 10.3.0.0/24"}));
}

}  // namespace
}  // namespace pm
