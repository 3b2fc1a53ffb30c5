// SPDX-License-Identifier: Apache-2.0
// What the image decides, asked through the lookups that the kernel runs.
#include "policy/image/compile.h"

#include <gtest/gtest.h>

#include "policy/image/relocate.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::icmp;
using test::icmpv6;
using test::Judged;
using test::PolicyBuilder;
using test::tcp;
using test::udp;

PolicyBuilder edge() {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10", "2001:db8:10::10"});
    b.peers("partners", {"198.51.100.0/24", "2001:db8:20::/48"}).any_peers("clients");
    return b;
}

TEST(Compile, EveryPortBoundary) {
    PolicyBuilder b = edge();
    b.row("one", {tcp}, "partners", "access", {{5061, 5061}});
    b.row("media", {tcp, udp}, "partners", "access", {{50000, 59999}});
    b.row("low", {udp}, "partners", "access", {{1, 1}});
    b.row("high", {udp}, "partners", "access", {{65535, 65535}});
    const Judged judged(b.policy);
    const std::tuple<const char *, int, const char *> cases[] = {
        {"tcp", 5060, "no-service"},  {"tcp", 5061, "one"},
        {"tcp", 5062, "no-service"},  {"tcp", 49999, "no-service"},
        {"tcp", 50000, "media"},      {"tcp", 59999, "media"},
        {"tcp", 60000, "no-service"}, {"udp", 5061, "no-service"},
        {"udp", 50000, "media"},      {"udp", 1, "low"},
        {"udp", 2, "no-service"},     {"udp", 65534, "no-service"},
        {"udp", 65535, "high"},       {"tcp", 65535, "no-service"}};
    for (const auto &[transport, port, expected] : cases)
        EXPECT_EQ(judged("in " + std::string(transport) +
                         " 198.51.100.7:40000 > 203.0.113.10:" + std::to_string(port)),
                  expected)
            << transport << port;
}

TEST(Compile, SourcePortsTellRowsApart) {
    PolicyBuilder b = edge();
    b.row("range", {tcp}, "access", "clients", {{50000, 59999}});
    b.row("relay", {tcp}, "access", "clients", any_port, {{50000, 59999}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("out tcp 203.0.113.10:1024 > 192.0.2.1:50000"), "range");
    EXPECT_EQ(judged("out tcp 203.0.113.10:50000 > 192.0.2.1:50000"), "range");
    EXPECT_EQ(judged("out tcp 203.0.113.10:50000 > 192.0.2.1:443"), "relay");
    EXPECT_EQ(judged("out tcp 203.0.113.10:59999 > 192.0.2.1:443"), "relay");
    EXPECT_EQ(judged("out tcp 203.0.113.10:60000 > 192.0.2.1:443"), "no-service");
    EXPECT_EQ(judged("out tcp 203.0.113.10:49999 > 192.0.2.1:443"), "no-service");
    EXPECT_EQ(judged("in tcp 192.0.2.1:50000 > 203.0.113.10:443"), "no-service");
}

TEST(Compile, AddressBoundariesOfBothFamilies) {
    PolicyBuilder b = edge();
    b.peers("split",
            {"2001:db8:0:1:8000::/65", "2001:db8:0:3::5", "2001:db8:0:3:ffff:ffff:ffff:0/112"});
    b.row("sip", {tcp}, "partners", "access", {{5061, 5061}});
    b.row("halves", {tcp}, "split", "access", {{443, 443}});
    const Judged judged(b.policy);
    auto sip = [&](const char *from) {
        return judged("in tcp " + std::string(from) + ":40000 > 203.0.113.10:5061");
    };
    EXPECT_EQ(sip("198.51.99.255"), "no-row");
    EXPECT_EQ(sip("198.51.100.0"), "sip");
    EXPECT_EQ(sip("198.51.100.255"), "sip");
    EXPECT_EQ(sip("198.51.101.0"), "no-row");
    auto v6 = [&](const char *from, int port) {
        return judged("in tcp [" + std::string(from) +
                      "]:40000 > [2001:db8:10::10]:" + std::to_string(port));
    };
    EXPECT_EQ(v6("2001:db8:1f:ffff:ffff:ffff:ffff:ffff", 5061), "no-row");
    EXPECT_EQ(v6("2001:db8:20::", 5061), "sip");
    EXPECT_EQ(v6("2001:db8:20:ffff:ffff:ffff:ffff:ffff", 5061), "sip");
    EXPECT_EQ(v6("2001:db8:21::", 5061), "no-row");
    EXPECT_EQ(v6("2001:db8:0:1:7fff:ffff:ffff:ffff", 443), "no-row");
    EXPECT_EQ(v6("2001:db8:0:1:8000::", 443), "halves");
    EXPECT_EQ(v6("2001:db8:0:1:ffff:ffff:ffff:ffff", 443), "halves");
    EXPECT_EQ(v6("2001:db8:0:2::", 443), "no-row");
    EXPECT_EQ(v6("2001:db8:0:3::4", 443), "no-row");
    EXPECT_EQ(v6("2001:db8:0:3::5", 443), "halves");
    EXPECT_EQ(v6("2001:db8:0:3::6", 443), "no-row");
    EXPECT_EQ(v6("2001:db8:0:3:ffff:ffff:fffe:ffff", 443), "no-row");
    EXPECT_EQ(v6("2001:db8:0:3:ffff:ffff:ffff:0", 443), "halves");
    EXPECT_EQ(v6("2001:db8:0:3:ffff:ffff:ffff:ffff", 443), "halves");
    EXPECT_EQ(v6("2001:db8:0:4::", 443), "no-row");
}

TEST(Compile, ExceptLeavesAHole) {
    PolicyBuilder b = edge();
    b.peers("outside", AddressSet::any() - test::addresses({"10.0.0.0/8", "fc00::/7"}));
    b.row("web", {tcp}, "outside", "access", {{443, 443}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 9.255.255.255:40000 > 203.0.113.10:443"), "web");
    EXPECT_EQ(judged("in tcp 10.0.0.0:40000 > 203.0.113.10:443"), "no-row");
    EXPECT_EQ(judged("in tcp 10.255.255.255:40000 > 203.0.113.10:443"), "no-row");
    EXPECT_EQ(judged("in tcp 11.0.0.0:40000 > 203.0.113.10:443"), "web");
    EXPECT_EQ(judged("in tcp [fbff::1]:40000 > [2001:db8:10::10]:443"), "web");
    EXPECT_EQ(judged("in tcp [fc00::1]:40000 > [2001:db8:10::10]:443"), "no-row");
    EXPECT_EQ(judged("in tcp [fe00::1]:40000 > [2001:db8:10::10]:443"), "web");
}

TEST(Compile, TheFirstRowWins) {
    PolicyBuilder b = edge();
    b.row("narrow", {tcp}, "partners", "access", {{443, 443}});
    b.row("wide", {tcp}, "clients", "access", {{1, 1023}});
    b.row("late", {tcp}, "partners", "access", {{80, 80}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 198.51.100.7:40000 > 203.0.113.10:443"), "narrow");
    EXPECT_EQ(judged("in tcp 192.0.2.7:40000 > 203.0.113.10:443"), "wide");
    EXPECT_EQ(judged("in tcp 198.51.100.7:40000 > 203.0.113.10:80"), "wide");
}

TEST(Compile, FailsafeGoesBeforeBlock) {
    PolicyBuilder b = edge();
    b.peers("admins", {"198.51.100.99"}).peers("fraud", {"198.51.100.64/26", "192.0.2.0/24"});
    b.block("fraud");
    b.row("web", {tcp}, "clients", "access", {{22, 443}});
    b.row("out", {tcp}, "access", "clients", {{443, 443}});
    b.failsafe("ssh", {tcp}, "admins", "access", {{22, 22}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 198.51.100.99:40000 > 203.0.113.10:22"), "ssh");
    EXPECT_EQ(judged("in tcp 198.51.100.99:40000 > 203.0.113.10:443"), "blocked");
    EXPECT_EQ(judged("in tcp 198.51.100.64:40000 > 203.0.113.10:22"), "blocked");
    EXPECT_EQ(judged("in tcp 198.51.100.63:40000 > 203.0.113.10:22"), "web");
    EXPECT_EQ(judged("out tcp 203.0.113.10:40000 > 192.0.2.1:443"), "blocked");
    // The reason "blocked" goes before no-role and no-row, but not before no-service.
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.99:443"), "blocked");
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 203.0.113.10"), "blocked");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:8080"), "no-service");
}

TEST(Compile, AddressChecksComeFirst) {
    PolicyBuilder b = edge();
    b.role("av", {"203.0.113.11"});
    b.row("web", {tcp}, "clients", "access", {{443, 443}});
    b.row("web-out", {tcp}, "access", "clients", {{443, 443}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 203.0.113.11:40000 > 203.0.113.10:443"), "own-address-spoofed");
    EXPECT_EQ(judged("in tcp 203.0.113.99:40000 > 203.0.113.99:443"), "own-address-spoofed");
    EXPECT_EQ(judged("in tcp 127.0.0.1:40000 > 203.0.113.10:443"), "bad-source-address");
    EXPECT_EQ(judged("in tcp 255.255.255.255:40000 > 203.0.113.10:443"), "bad-source-address");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 127.0.0.1:443"), "bad-destination-address");
    EXPECT_EQ(judged("in tcp [::1]:40000 > [2001:db8:10::10]:443"), "bad-source-address");
    EXPECT_EQ(judged("out tcp 203.0.113.10:40000 > 203.0.113.11:443"), "web-out");
}

TEST(Compile, ZonesSeparateInterfaces) {
    PolicyBuilder b = edge();
    b.role("inner", {"10.1.0.1"}).role("shared", {"203.0.113.10", "10.1.0.1"});
    b.place("eth0", {"access", "shared"}).place("eth1", {"inner", "shared"});
    b.row("sip", {tcp}, "clients", "access", {{5061, 5061}});
    b.row("admin", {tcp}, "clients", "inner", {{8443, 8443}});
    b.row("ping", {icmp}, "clients", "shared");
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 0), "sip");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 1), "no-row");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 10.1.0.1:8443", 0), "no-row");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 10.1.0.1:8443", 1), "admin");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 10.1.0.2:8443", 1), "no-role");
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 10.1.0.1", 0), "ping");
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 203.0.113.10", 1), "ping");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 10.1.0.1:8443", 2), "no-role");
    // Interfaces have the numbers that the loader gave them, not their order in the policy.
    CompileOptions options;
    options.interfaces = {"", "eth1", "lan9", "eth0"};
    const Judged numbered(b.policy, options);
    EXPECT_EQ(numbered("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 3), "sip");
    EXPECT_EQ(numbered("in tcp 192.0.2.1:40000 > 10.1.0.1:8443", 1), "admin");
    EXPECT_EQ(numbered("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 2), "no-role");
    EXPECT_EQ(numbered("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 0), "no-role");
    EXPECT_EQ(numbered.image.header().zones[0], PM_NO_ZONE);
}

TEST(Compile, WithoutInterfacesAllAreAlike) {
    PolicyBuilder b = edge();
    b.row("sip", {tcp}, "clients", "access", {{5061, 5061}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 0), "sip");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", PM_INTERFACES - 1), "sip");
}

TEST(Compile, InterfaceRoles) {
    PolicyBuilder b = edge();
    b.role("inner", {"10.1.0.1"}).interface_role("host");
    b.place("eth0", {"host", "access"}).place("eth1", {"inner"});
    b.row("ssh", {tcp}, "clients", "host", {{22, 22}});
    b.row("dns", {udp}, "host", "clients", {{53, 53}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.77:22", 0), "ssh");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:22", 0), "ssh");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 10.1.0.1:22", 0), "no-role");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.77:22", 1), "no-role");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 224.0.0.5:22", 0), "no-role");
    EXPECT_EQ(judged("out udp 10.1.0.1:40000 > 192.0.2.1:53", 0), "dns");
    EXPECT_EQ(judged("out udp 10.1.0.2:40000 > 192.0.2.1:53", 1), "no-role");
}

TEST(Compile, MulticastDestinationsNeedNoRole) {
    PolicyBuilder b = edge();
    b.role("inner", {"10.1.0.1"}).peers("vrrp", {"224.0.0.18", "ff02::12"});
    b.place("eth0", {"access"}).place("eth1", {"inner"});
    b.row("vrrp-in", {112}, "partners", "vrrp");
    b.row("vrrp-out", {112}, "access", "vrrp");
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in 112 198.51.100.7 > 224.0.0.18", 0), "vrrp-in");
    EXPECT_EQ(judged("in 112 198.51.100.7 > 224.0.0.18", 1), "vrrp-in");
    EXPECT_EQ(judged("in 112 192.0.2.1 > 224.0.0.18", 1), "no-row");
    EXPECT_EQ(judged("in 112 198.51.100.7 > 224.0.0.19", 1), "no-role");
    EXPECT_EQ(judged("out 112 203.0.113.10 > 224.0.0.18", 0), "vrrp-out");
    EXPECT_EQ(judged("out 112 203.0.113.10 > 224.0.0.18", 1), "no-role");
    EXPECT_EQ(judged("in 113 198.51.100.7 > 224.0.0.18", 0), "unsupported-protocol");
}

TEST(Compile, PingIsOfItsFamily) {
    PolicyBuilder b = edge();
    b.row("ping4", {icmp}, "clients", "access");
    b.row("ping6", {icmpv6}, "partners", "access");
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 203.0.113.10"), "ping4");
    EXPECT_EQ(judged("in icmpv6 2001:db8:20::1 > 2001:db8:10::10"), "ping6");
    EXPECT_EQ(judged("in icmpv6 2001:db8:30::1 > 2001:db8:10::10"), "no-row");
    EXPECT_EQ(judged("in icmp 2001:db8:20::1 > 2001:db8:10::10"), "unsupported-protocol");
    EXPECT_EQ(judged("in icmpv6 198.51.100.7 > 203.0.113.10"), "unsupported-protocol");
    EXPECT_EQ(judged("out icmp 203.0.113.10 > 192.0.2.1"), "no-row");
}

TEST(Compile, RowsWithNoneAreOff) {
    PolicyBuilder b = edge();
    b.no_peers("ocs").peers("group", {"224.0.0.18"});
    b.row("off", {tcp}, "ocs", "access", {{5062, 5062}});
    b.row("off-gre", {47}, "ocs", "access");
    b.row("off-multicast", {112}, "ocs", "group");
    b.row("sip", {tcp}, "clients", "access", {{5061, 5061}});
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5062"), "no-service");
    EXPECT_EQ(judged("in 47 192.0.2.1 > 203.0.113.10"), "unsupported-protocol");
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 224.0.0.18"), "no-role");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061"), "sip");
}

TEST(Compile, AnEmptyMatrixDropsEverything) {
    PolicyBuilder b = edge();
    const Judged judged(b.policy);
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:443"), "no-service");
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 203.0.113.10"), "no-row");
    EXPECT_EQ(judged("in icmp 192.0.2.1 > 203.0.113.99"), "no-role");
}

TEST(Compile, AnImageWithoutAClosedZoneIsNotRelocatedToClosedInterfaces) {
    auto image = compile(edge().policy, {.interfaces = {"eth0", "eth1"}, .closed = {}});
    ASSERT_TRUE(image);
    const std::vector<std::uint8_t> before = image->bytes;
    const auto done = relocate(*image, {.interfaces = {"eth0", "eth1"}, .closed = {1}});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error(), "it was compiled without closed interfaces");
    EXPECT_EQ(image->bytes, before);
}

TEST(Compile, LimitsAreErrorsThatNameThem) {
    PolicyBuilder rows = edge();
    for (int i = 0; i < PM_ROWS_MAX + 1; ++i)
        rows.row("r" + std::to_string(i), {tcp}, "clients", "access", {{443, 443}});
    EXPECT_EQ(compile(rows.policy).error(), "the policy has 16001 rows; the limit is 16000");

    PolicyBuilder interfaces = edge();
    for (int i = 0; i < PM_INTERFACES + 1; ++i)
        interfaces.place("eth" + std::to_string(i), {"access"});
    EXPECT_EQ(compile(interfaces.policy).error(),
              "the policy names 17 interfaces; the limit is 16");
    EXPECT_EQ(compile(edge().policy, {.interfaces = {}, .closed = {PM_INTERFACES}}).error(),
              "interface number 16 is to be closed; the highest is 15");

    // Bit i of an address tells whether set i holds it: 2^17 overlaps.
    PolicyBuilder overlaps = edge();
    for (unsigned bit = 0; bit < 17; ++bit) {
        std::vector<Range> ranges;
        for (std::uint32_t at = 0; at < 1U << 17; ++at)
            if (at >> bit & 1) ranges.push_back({Address::v4(at << 8), Address::v4(at << 8)});
        const std::string name = "set" + std::to_string(bit);
        overlaps.peers_from_file(name, AddressSet(std::move(ranges)));
        overlaps.row(name, {tcp}, name, "access", {{443, 443}});
    }
    EXPECT_EQ(compile(overlaps.policy).error(),
              "the peer sets overlap in 131072 different ways; the limit is 65535");

    PolicyBuilder big = edge();
    big.row("web", {tcp}, "clients", "access", {{443, 443}});
    CompileOptions small;
    small.size_limit = 100000;
    const auto image = compile(big.policy, small);
    ASSERT_FALSE(image);
    EXPECT_NE(image.error().find("the limit is 100000 bytes"), std::string::npos) << image.error();
}

}  // namespace
}  // namespace pm
