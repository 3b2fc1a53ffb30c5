// SPDX-License-Identifier: Apache-2.0
// The roles of a policy beside the addresses of its host.
#include "loader/own/roles_on_host.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/addresses.h"
#include "tests/support/policy_builder.h"

namespace pm {
namespace {

using test::address;
using test::PolicyBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t eth0 = 2, eth1 = 3, vlan = 4;

Link link(std::uint32_t index, std::uint32_t lower, const char *kind) {
    Link link;
    link.index = index;
    link.lower = lower;
    link.kind = kind;
    return link;
}

struct HostOf {
    HostOf() { host.links = {link(eth0, 0, ""), link(eth1, 0, "")}; }

    HostAddresses host;

    OwnAddress &has(std::uint32_t index, const char *own) {
        return host.own.emplace_back(OwnAddress{.interface = index == eth0   ? "eth0"
                                                             : index == eth1 ? "eth1"
                                                                             : "eth0.9",
                                                .address = address(own),
                                                .index = index,
                                                .subnet = {address(own), 24}});
    }
    void neighbour(const char *its, bool is_gateway) {
        host.neighbours.push_back(
            {.interface = eth0, .address = address(its), .is_gateway = is_gateway});
    }
    std::vector<std::string> compared(const Policy &policy, bool both = false) const {
        std::vector<PolicyInterface> interfaces{{"eth0", eth0}};
        if (both) interfaces.push_back({"eth1", eth1});
        std::vector<std::string> texts;
        for (const RoleFinding &one : compare_roles(policy, interfaces, host))
            texts.push_back((one.cuts_off ? "cuts off: " : "") + one.text + "; " + one.remedy);
        return texts;
    }
};

PolicyBuilder edge_of(const std::vector<std::string> &prefixes) {
    PolicyBuilder b;
    b.role("edge", prefixes);
    return b;
}

TEST(RolesOnHost, ThatFitAreNotTalkedOf) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth0, "2001:db8::10");
    host.has(eth1, "10.0.0.5");
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10", "2001:db8::10"}).policy), IsEmpty());
    PolicyBuilder follows;
    follows.interface_role("edge");
    EXPECT_THAT(host.compared(follows.policy, true), IsEmpty());
}

TEST(RolesOnHost, EachAddressInNoRoleIsNamed) {
    HostOf host;
    host.host.links.push_back(link(vlan, eth0, "vlan"));
    host.has(eth0, "203.0.113.10");
    host.has(eth0, "203.0.113.11");
    host.has(eth0, "2001:db8::10");
    host.has(vlan, "192.0.2.1");
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10"}).policy),
                ElementsAre(HasSubstr("203.0.113.11 of eth0 is in no role"),
                            HasSubstr("2001:db8::10 of eth0 is in no role"),
                            HasSubstr("192.0.2.1 of eth0.9 is in no role: everything to and from "
                                      "there is dropped but essentials")));
}

TEST(RolesOnHost, OnlyAddressesThatAreInUseCount) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth0, "fe80::1");
    host.has(eth0, "169.254.0.1");
    host.has(eth0, "2001:db8::1").is_in_use = false;
    host.has(eth0, "2001:db8::2").is_deprecated = true;
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10"}).policy), IsEmpty());
}

TEST(RolesOnHost, TemporaryAddressesAreNamedOnce) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth0, "2001:db8::a1").is_temporary = true;
    host.has(eth0, "2001:db8::a2").is_temporary = true;
    EXPECT_THAT(
        host.compared(edge_of({"203.0.113.10"}).policy),
        ElementsAre(HasSubstr(
            "the temporary addresses of eth0 (2001:db8::a1, 2001:db8::a2) are in no role")));
}

TEST(RolesOnHost, ManyAddressesAreSummedUp) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    for (int i = 0; i < 30; ++i) host.has(eth0, ("10.0.0." + std::to_string(i)).c_str());
    const auto texts = host.compared(edge_of({"203.0.113.10"}).policy);
    ASSERT_EQ(texts.size(), 11u);
    EXPECT_THAT(texts.back(), HasSubstr("20 more addresses of eth0 are in no role"));
}

TEST(RolesOnHost, AnInterfaceWithoutAnyIsCutOff) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth0, "2001:db8::10");
    EXPECT_THAT(
        host.compared(edge_of({"203.0.113.99"}).policy),
        ElementsAre(
            HasSubstr("cuts off: no address of eth0 is in a role: nothing would pass there but "
                      "essentials; it has 203.0.113.10, 2001:db8::10"),
            HasSubstr("role 'edge' has 203.0.113.99, which this host does not have")));
}

TEST(RolesOnHost, AnInterfaceWithoutAddressesIsNot) {
    HostOf host;
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10"}).policy),
                ElementsAre(HasSubstr("; its interfaces have none yet")));
}

TEST(RolesOnHost, OnlyRolesThatArePlacedThereCount) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth1, "10.0.0.5");
    PolicyBuilder b = edge_of({"203.0.113.10"});
    b.role("inner", {"10.0.0.5"}).place("eth0", {"edge", "inner"}).place("eth1", {"edge"});
    EXPECT_THAT(host.compared(b.policy, true),
                ElementsAre(HasSubstr("cuts off: no address of eth1")));
}

TEST(RolesOnHost, WhatIsShutOnPurposeIsNotTalkedOf) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth1, "10.0.0.5");
    PolicyBuilder b = edge_of({"203.0.113.10"});
    b.policy.roles["shut"].is_none = true;
    b.place("eth0", {"edge"}).place("eth1", {"shut"});
    EXPECT_THAT(host.compared(b.policy, true), IsEmpty());
}

// A transfer network on eth0, and the address that is served on lo or a dummy.
TEST(RolesOnHost, AServiceAddressIsReachedByEveryInterface) {
    HostOf host;
    host.has(eth0, "10.0.0.1");
    host.has(1, "203.0.113.53").interface = "lo";
    EXPECT_THAT(host.compared(edge_of({"203.0.113.53"}).policy),
                ElementsAre(HasSubstr("10.0.0.1 of eth0 is in no role")));
}

TEST(RolesOnHost, WhatIsInARoleReachesTheHostInAnyState) {
    HostOf host;
    host.has(eth0, "10.0.0.2");
    host.has(eth0, "2001:db8::5").is_deprecated = true;  // as keepalived adds it
    EXPECT_THAT(host.compared(edge_of({"2001:db8::5"}).policy),
                ElementsAre(HasSubstr("10.0.0.2 of eth0 is in no role")));
}

TEST(RolesOnHost, ALoopbackAddressIsNotLookedAt) {
    HostOf host;  // as ifupdown2 gives it to a VRF
    host.host.links[0] = link(eth0, 0, "");
    host.has(eth0, "203.0.113.10");
    host.has(eth0, "127.0.0.1");
    host.has(eth0, "::1");
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10"}).policy), IsEmpty());
}

TEST(RolesOnHost, AnAliasIsNotSaidTwice) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    PolicyBuilder b = edge_of({"203.0.113.10", "203.0.113.99"});
    AddressSetDef alias = b.policy.roles["edge"];
    alias.items.assign(1, {});
    alias.items[0].kind = SetItem::Kind::name;
    b.policy.roles["host"] = alias;
    EXPECT_THAT(host.compared(b.policy), ElementsAre(HasSubstr("role 'edge' has 203.0.113.99")));
}

TEST(RolesOnHost, ARoleThatIsPlacedElsewhereIsNamed) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.has(eth1, "10.0.0.5");
    PolicyBuilder b = edge_of({"203.0.113.10"});
    b.role("inner", {"10.0.0.5"}).place("eth0", {"inner"}).place("eth1", {"edge"});
    EXPECT_THAT(host.compared(b.policy),
                ElementsAre(HasSubstr("no address of eth0 is in a role that is placed there: "
                                      "nothing would pass there but essentials; it has "
                                      "203.0.113.10; role 'edge' has 203.0.113.10, and is placed "
                                      "elsewhere")));
}

TEST(RolesOnHost, LocalRoutesAreOfThisHost) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.host.local = {*parse_prefix("192.0.2.0/24")};
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10", "192.0.2.0/24"}).policy), IsEmpty());
}

TEST(RolesOnHost, APrefixHasTheAddressesOfOthers) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.neighbour("203.0.113.1", true);
    host.neighbour("203.0.113.77", false);
    host.neighbour("203.0.113.77", false);
    host.neighbour("198.51.100.1", false);
    EXPECT_THAT(host.compared(edge_of({"203.0.113.0/24"}).policy),
                ElementsAre(HasSubstr("role 'edge' has 255 addresses that this host does not have: "
                                      "what their owners send is dropped (own-address-spoofed)"),
                            HasSubstr("role 'edge' has 203.0.113.1, the gateway: all that it sends "
                                      "is dropped (own-address-spoofed)"),
                            HasSubstr("role 'edge' has 203.0.113.77, a neighbour")));
}

TEST(RolesOnHost, ANeighbourOfAnotherInterfaceIsNone) {
    HostOf host;
    host.has(eth0, "203.0.113.10");
    host.host.neighbours = {{.interface = eth1, .address = address("203.0.113.99")}};
    EXPECT_THAT(host.compared(edge_of({"203.0.113.10", "203.0.113.99"}).policy),
                ElementsAre(HasSubstr("203.0.113.99, which this host does not have")));
}

}  // namespace
}  // namespace pm
