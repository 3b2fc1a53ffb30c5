// SPDX-License-Identifier: Apache-2.0
// Where addresses are, seen from an interface.
#include "loader/own/places.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "maps/places.h"
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
    return {.index = index, .lower = lower, .master = master, .kind = kind, .is_up = true};
}

std::vector<std::string> with(std::uint32_t flag, const std::vector<Pins::Interface> &interfaces,
                              const std::vector<Link> &links, const std::vector<OwnAddress> &own) {
    std::set<std::string> texts;
    for (const Place &one : places_of(interfaces, links, own, Forwarding::some))
        if (one.flags & flag)
            texts.insert(std::to_string(one.interface) + " " + to_string(one.prefix.range()));
    return {texts.begin(), texts.end()};
}

std::vector<std::string> of(const std::vector<Pins::Interface> &interfaces,
                            const std::vector<Link> &links, const std::vector<OwnAddress> &own) {
    return with(PM_PLACE_ON_LINK, interfaces, links, own);
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

TEST(Places, StayWhereTheHostForwardsNothing) {
    const auto stay = places_of({interface(1, 2)}, {link(2, 0, 0)}, {}, Forwarding::none);
    ASSERT_EQ(stay.size(), 1U);
    EXPECT_EQ(stay[0].flags, static_cast<unsigned>(PM_PLACE_STAYS));
    EXPECT_EQ(stay[0].prefix.length, 0);
    EXPECT_TRUE(places_of({interface(1, 2)}, {link(2, 0, 0)}, {}, Forwarding::some).empty());
}

// What another VRF has is routed from here, perhaps to somebody else.
TEST(OwnAddresses, AreThoseOfTheSameVrf) {
    const std::vector<Link> links = {link(2, 0, 9),        link(3, 0, 0), link(4, 0, 9),
                                     link(9, 0, 0, "vrf"), link(1, 0, 0), link(5, 2, 0, "vlan")};
    const std::vector<OwnAddress> addresses = {own(2, "192.0.2.2", 32), own(3, "192.0.2.3", 32),
                                               own(4, "192.0.2.4", 32), own(9, "192.0.2.9", 32),
                                               own(1, "192.0.2.1", 32)};
    EXPECT_EQ(with(PM_PLACE_OWN, {interface(1, 4)}, links, addresses),
              (Texts{"1 192.0.2.2", "1 192.0.2.4", "1 192.0.2.9"}));
    EXPECT_EQ(with(PM_PLACE_OWN, {interface(1, 3)}, links, addresses),
              (Texts{"1 192.0.2.1", "1 192.0.2.3"}));
    EXPECT_EQ(with(PM_PLACE_OWN, {interface(1, 2)}, links, addresses).size(), addresses.size())
        << "a VLAN on it is in no VRF";
}

TEST(OwnAddresses, AreInUse) {
    std::vector<Link> links = {link(2, 0, 0), link(3, 0, 0)};
    links[1].is_up = false;
    OwnAddress duplicate = own(2, "2001:db8::2", 128);
    duplicate.is_in_use = false;
    EXPECT_EQ(with(PM_PLACE_OWN, {interface(1, 2)}, links,
                   {own(2, "192.0.2.2", 32), own(3, "192.0.2.3", 32), duplicate}),
              (Texts{"1 192.0.2.2"}));
}

TEST(OwnAddresses, AreNotRoutedWhereABridgeIs) {
    const std::vector<OwnAddress> addresses = {own(8, "192.0.2.8", 24)};
    const auto routed = [&](const std::vector<Link> &links) {
        return with(PM_PLACE_ROUTED, {interface(1, 2)}, links, addresses);
    };
    EXPECT_EQ(routed({link(2, 0, 8), link(8, 0, 0, "bond")}), (Texts{"1 192.0.2.8"}));
    EXPECT_EQ(routed({link(2, 0, 8), link(8, 0, 0, "bridge")}), Texts{});
    EXPECT_EQ(routed({link(2, 0, 8), link(8, 0, 0, "openvswitch")}), Texts{});
    EXPECT_EQ(routed({link(2, 0, 7), link(7, 0, 8, "bond"), link(8, 0, 0, "bridge")}), Texts{});
    EXPECT_EQ(routed({link(2, 0, 0), link(3, 2, 8, "vlan"), link(8, 0, 0, "bridge")}), Texts{})
        << "a VLAN on it is the port of one";
    EXPECT_EQ(with(PM_PLACE_ROUTED, {interface(1, 8)},
                   {link(2, 0, 8), link(3, 0, 8), link(8, 0, 0, "bridge")}, addresses),
              (Texts{"1 192.0.2.8"}))
        << "it is one";
    EXPECT_EQ(routed({link(2, 0, 0), link(8, 0, 0, "bridge"), link(9, 0, 8)}),
              (Texts{"1 192.0.2.8"}))
        << "one beside it does not matter";
}

}  // namespace
}  // namespace pm
