// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/addresses.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

using test::addresses;
using test::TemporaryFolder;

class Sets : public testing::Test {
protected:
    Policy read(const std::string &edge, const std::string &peers) {
        folder.write(
            "site.yaml",
            "policy: site\nedge: { host: 192.0.2.1" + edge + " }\npeers: { " + peers +
                " }\nmatrix:\n  - { id: a, transport: tcp, source: any, destination: host, port: 1 }\n");
        auto result = folder.read("site.yaml");
        EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
        return result.policy.value_or(Policy{});
    }

    AddressSet peers(const std::string &text) { return read("", text).peers["a"].addresses; }

    TemporaryFolder folder;
};

TEST_F(Sets, ItemsListsAndNames) {
    EXPECT_EQ(peers("a: 198.51.100.7"), addresses({"198.51.100.7"}));
    EXPECT_EQ(peers("a: \"2001:db8::7\""), addresses({"2001:db8::7"}));
    EXPECT_EQ(peers("a: [198.51.100.0/25, b, 198.51.100.128/25], b: \"2001:db8::/32\""),
              addresses({"198.51.100.0/24", "2001:db8::/32"}));
    EXPECT_EQ(peers("a: any"), AddressSet::any());
    EXPECT_EQ(peers("a: b, b: c, c: any"), AddressSet::any());
}

TEST_F(Sets, AllOfIpv6HoldsNoIpv4) {
    EXPECT_FALSE(peers("a: \"::/0\"").contains(parse_address("192.0.2.1").value()));
    EXPECT_EQ(peers("a: [\"::/0\", 0.0.0.0/0]"), AddressSet::v4() | AddressSet::v6());
}

TEST_F(Sets, Except) {
    EXPECT_EQ(peers("a: { of: any, except: [10.0.0.0/8, b] }, b: \"fc00::/7\""),
              AddressSet::any() - addresses({"10.0.0.0/8", "fc00::/7"}));
    EXPECT_EQ(peers("a: { of: [b, 10.1.0.0/16], except: 10.1.2.3 }, b: 192.0.2.0/30"),
              addresses({"192.0.2.0/30", "10.1.0.0/16"}) - addresses({"10.1.2.3"}));
    EXPECT_EQ(peers("a: { of: 192.0.2.0/30, except: b }, b: none"), addresses({"192.0.2.0/30"}));
}

TEST_F(Sets, NoneStaysNone) {
    const auto policy =
        read("", "a: none, b: a, c: [a, b], d: { of: a, except: 192.0.2.1 }, e: [a, 192.0.2.7]");
    for (const auto *name : {"a", "b", "c", "d"}) {
        EXPECT_TRUE(policy.peers.at(name).is_none) << name;
        EXPECT_TRUE(policy.peers.at(name).addresses.empty()) << name;
    }
    EXPECT_FALSE(policy.peers.at("e").is_none);
    EXPECT_EQ(policy.peers.at("e").addresses, addresses({"192.0.2.7"}));
}

TEST_F(Sets, InterfaceThroughAliases) {
    const auto policy = read(", a: interface, b: a, c: b, d: none", "p: any");
    for (const auto *name : {"a", "b", "c"}) {
        EXPECT_TRUE(policy.roles.at(name).is_interface) << name;
        EXPECT_TRUE(policy.roles.at(name).addresses.empty()) << name;
    }
    EXPECT_FALSE(policy.roles.at("host").is_interface);
    EXPECT_TRUE(policy.roles.at("d").is_none);
}

TEST_F(Sets, FileIsReadBesideThePolicyAndDescribed) {
    folder.write("lists/a.txt",
                 "# first\n198.51.100.1\t# one\n\n  2001:db8::/48\n198.51.100.0/31\n192.0.2.7");
    const auto policy = read("", "a: [{ file: lists/a.txt }, 192.0.2.8]");
    const auto &set = policy.peers.at("a");
    EXPECT_EQ(set.addresses,
              addresses({"198.51.100.0/31", "2001:db8::/48", "192.0.2.7", "192.0.2.8"}));
    EXPECT_EQ(set.items[0].file_path, (folder.path() / "lists/a.txt").string());
    EXPECT_EQ(set.items[0].file_count, 4U);
    EXPECT_EQ(set.items[0].file_sha256.size(), 64U);
}

TEST_F(Sets, DoublingDoesNotExplode) {
    std::string text = "a: [a1, a1]";
    for (int i = 1; i < 60; ++i)
        text += ", a" + std::to_string(i) + ": [a" + std::to_string(i + 1) + ", a" +
                std::to_string(i + 1) + "]";
    EXPECT_EQ(peers(text + ", a60: 192.0.2.0/24"), addresses({"192.0.2.0/24"}));
}

TEST_F(Sets, ManyLines) {
    std::string lines;
    for (int i = 0; i < 100'000; ++i)
        lines += std::to_string(1 + i % 200) + "." + std::to_string(i / 200 % 256) + "." +
                 std::to_string(i / 51200) + ".1\n";
    folder.write("a.txt", lines);
    const auto policy = read("", "a: { file: a.txt }");
    EXPECT_EQ(policy.peers.at("a").addresses.ranges().size(), 100'000U);
}

}  // namespace
}  // namespace pm
