// SPDX-License-Identifier: Apache-2.0
#include "policy/check/expect.h"

#include <gtest/gtest.h>

#include "policy/judge/judge.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::address;
using test::Judged;
using test::PolicyBuilder;
using test::tcp;
using test::udp;

Expectation inbound(const char *from, const char *role, std::uint8_t transport, Ports port) {
    Expectation e;
    e.from_address = address(from);
    e.to_role = role;
    e.transport = transport;
    e.port = std::move(port);
    return e;
}

Expectation outbound(const char *role, const char *to, std::uint8_t transport, Ports port) {
    Expectation e;
    e.from_role = role;
    e.to_address = address(to);
    e.transport = transport;
    e.port = std::move(port);
    return e;
}

Expectation between(const char *from, const char *to, std::uint8_t transport, Ports port) {
    Expectation e;
    e.from_address = address(from);
    e.to_address = address(to);
    e.transport = transport;
    e.port = std::move(port);
    return e;
}

Expectation passes(Expectation e, const char *row = nullptr) {
    e.pass = true;
    if (row) e.row = row;
    return e;
}

// Every message, one a line; empty: all expectations hold.
std::string run(PolicyBuilder b, std::vector<Expectation> expectations) {
    const std::size_t asked = expectations.size();
    b.policy.expect = std::move(expectations);
    const Judged judged(b.policy);
    Diagnostics diagnostics;
    const std::size_t tested = check_expectations(judged.policy, judged.view, diagnostics).count;
    EXPECT_EQ(tested, asked - diagnostics.warnings());
    std::string text;
    for (const Diagnostic &each : diagnostics.all()) text += each.message + "\n";
    return text;
}

PolicyBuilder edge() {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10", "203.0.113.12", "2001:db8:10::10"});
    b.peers("partners", {"198.51.100.0/24"}).any_peers("clients");
    b.row("sip", {tcp}, "partners", "access", {{5061, 5061}});
    b.row("out", {tcp}, "access", "clients", any_port, {{50000, 59999}});
    return b;
}

TEST(Expect, HoldsOrNamesAWitness) {
    EXPECT_EQ(run(edge(), {passes(inbound("198.51.100.7", "access", tcp, {{5061, 5061}}), "sip"),
                           inbound("192.0.2.7", "access", tcp, {{5061, 5061}})}),
              "");
    EXPECT_EQ(run(edge(), {passes(inbound("192.0.2.7", "access", tcp, {{5061, 5061}}))}),
              "expected pass, but tcp 192.0.2.7:40000 -> 203.0.113.10:5061 is dropped (no-row)\n");
    EXPECT_EQ(run(edge(), {inbound("198.51.100.7", "access", tcp, {{5061, 5061}})}),
              "expected drop, but tcp 198.51.100.7:40000 -> 203.0.113.10:5061 passes by row "
              "'sip'\n");
    EXPECT_EQ(
        run(edge(), {passes(inbound("198.51.100.7", "access", tcp, {{5061, 5061}}), "other")}),
        "expected pass by row 'other', but tcp 198.51.100.7:40000 -> 203.0.113.10:5061 passes by "
        "row 'sip'\n");
}

TEST(Expect, CountsForTheRowsThatPassItsPackets) {
    PolicyBuilder b = edge();
    b.policy.expect = {passes(inbound("198.51.100.7", "access", tcp, {{5061, 5061}})),
                       passes(inbound("198.51.100.8", "access", tcp, {{5061, 5061}}), "sip"),
                       passes(inbound("192.0.2.7", "access", tcp, {{5061, 5061}}), "sip"),
                       inbound("192.0.2.7", "access", tcp, {{5061, 5061}})};
    const Judged judged(b.policy);
    Diagnostics diagnostics;
    const Tested tested = check_expectations(judged.policy, judged.view, diagnostics);
    EXPECT_EQ(tested.by_row, (std::map<std::string, std::size_t>{{"sip", 2}}));
}

TEST(Expect, EverySourcePort) {
    Expectation e = outbound("access", "198.51.100.7", tcp, {{25, 25}});
    EXPECT_EQ(run(edge(), {e}),
              "expected drop, but tcp 203.0.113.10:50000 -> 198.51.100.7:25 passes by row 'out'\n");
    e.source_port = {{1024, 49999}};
    EXPECT_EQ(run(edge(), {e}), "");
    e.source_port = {{1024, 50000}};
    EXPECT_EQ(run(edge(), {e}),
              "expected drop, but tcp 203.0.113.10:50000 -> 198.51.100.7:25 passes by row 'out'\n");
    e.source_port = {{60000, 65535}};
    EXPECT_EQ(run(edge(), {e}), "");
    e.source_port = {{59999, 59999}};
    EXPECT_EQ(run(edge(), {passes(e, "out")}), "");
}

TEST(Expect, EveryDestinationPort) {
    EXPECT_EQ(run(edge(), {inbound("198.51.100.7", "access", tcp, {{1, 5060}, {5062, 65535}})}),
              "");
    EXPECT_EQ(run(edge(), {inbound("198.51.100.7", "access", tcp, any_port)}),
              "expected drop, but tcp 198.51.100.7:40000 -> 203.0.113.10:5061 passes by row "
              "'sip'\n");
    EXPECT_EQ(run(edge(), {inbound("198.51.100.7", "access", udp, any_port)}), "");
}

TEST(Expect, EveryAddressOfTheRoleInTheFamily) {
    PolicyBuilder b = edge();
    b.role("one", {"203.0.113.12"});
    b.row("web", {tcp}, "clients", "one", {{443, 443}});
    EXPECT_EQ(run(b, {inbound("198.51.100.7", "access", tcp, {{443, 443}})}),
              "expected drop, but tcp 198.51.100.7:40000 -> 203.0.113.12:443 passes by row "
              "'web'\n");
    EXPECT_EQ(run(b, {inbound("2001:db8:1::1", "access", tcp, {{443, 443}})}), "");
    EXPECT_EQ(run(b, {inbound("2001:db8:1::1", "one", tcp, {{443, 443}})}),
              "this expectation describes no packet\n");
    // A prefix as a role: a hole inside of it is found.
    b.role("net", {"10.0.0.0/8"}).role("hole", {"10.77.0.3"});
    b.row("net-out", {tcp}, "net", "clients", {{25, 25}});
    b.row("hole-in", {tcp}, "clients", "hole", {{8080, 8080}});
    EXPECT_EQ(run(b, {inbound("198.51.100.7", "net", tcp, {{8080, 8080}})}),
              "expected drop, but tcp 198.51.100.7:40000 -> 10.77.0.3:8080 passes by row "
              "'hole-in'\n");
}

TEST(Expect, OnTheInterfacesOfTheRole) {
    PolicyBuilder b = edge();
    b.role("inner", {"10.1.0.1"}).place("eth0", {"access"}).place("eth1", {"inner"});
    b.row("admin", {tcp}, "clients", "inner", {{8443, 8443}});
    const Expectation e = inbound("192.0.2.7", "inner", tcp, {{8443, 8443}});
    EXPECT_EQ(run(b, {passes(e, "admin")}), "");
    Expectation elsewhere = e;
    elsewhere.interface = "eth0";
    EXPECT_EQ(run(b, {elsewhere}), "");
    EXPECT_EQ(run(b, {passes(elsewhere)}),
              "expected pass, but tcp 192.0.2.7:40000 -> 10.1.0.1:8443 on eth0 is dropped "
              "(no-role)\n");
    // An address is tested on the interface of the role that has it.
    Expectation plain = e;
    plain.to_role.clear();
    plain.to_address = address("10.1.0.1");
    EXPECT_EQ(run(b, {passes(plain, "admin")}), "");
}

TEST(Expect, InterfaceRolesStandForWhatMayArrive) {
    PolicyBuilder b;
    b.interface_role("host").role("access", {"203.0.113.10"}).any_peers("clients");
    b.row("ssh", {tcp}, "clients", "host", {{22, 22}});
    b.row("dns", {udp}, "host", "clients", {{53, 53}});
    EXPECT_EQ(run(b, {passes(inbound("198.51.100.7", "host", tcp, {{22, 22}}), "ssh"),
                      passes(inbound("2001:db8::7", "host", tcp, {{22, 22}}), "ssh"),
                      passes(outbound("host", "198.51.100.7", udp, {{53, 53}}), "dns")}),
              "");
    b.row("web", {tcp}, "clients", "access", {{443, 443}});
    EXPECT_EQ(run(b, {inbound("198.51.100.7", "host", tcp, {{443, 443}})}),
              "expected drop, but tcp 198.51.100.7:40000 -> 203.0.113.10:443 passes by row "
              "'web'\n");
}

// If one of the two addresses is listed under edge, it is this host's. explain decides the same
// way.
TEST(Expect, ListedSourceGoesOut) {
    PolicyBuilder b = edge();
    b.role("net", {"10.0.0.0/8"});
    b.row("dns", {udp}, "access", "clients", {{53, 53}});
    b.row("ntp", {udp}, "net", "clients", {{123, 123}});
    const Expectation dns = between("203.0.113.10", "8.8.8.8", udp, {{53, 53}});
    EXPECT_EQ(run(b, {dns}),
              "expected drop, but udp 203.0.113.10:40000 -> 8.8.8.8:53 passes by row 'dns'\n");
    EXPECT_EQ(run(b, {passes(dns, "dns"),
                      passes(between("10.200.0.1", "8.8.8.8", udp, {{123, 123}}), "ntp"),
                      passes(between("2001:db8:10::10", "2001:db8::1", udp, {{53, 53}}), "dns"),
                      passes(between("203.0.113.10", "224.0.0.22", 2, {})),
                      passes(between("198.51.100.7", "203.0.113.10", tcp, {{5061, 5061}}), "sip"),
                      between("8.8.8.8", "203.0.113.10", udp, {{53, 53}}),
                      between("203.0.113.11", "8.8.8.8", udp, {{53, 53}})}),
              "");
    // A packet between two addresses of this host meets the programs on its way out. Naming a role
    // makes it inbound.
    EXPECT_EQ(run(b, {passes(between("203.0.113.10", "10.0.0.1", udp, {{53, 53}}), "dns"),
                      inbound("203.0.113.10", "net", udp, {{53, 53}})}),
              "");
}

TEST(Expect, ListedSourceGoesOutWhereItsRoleIs) {
    PolicyBuilder b = edge();
    b.interface_role("inner").place("eth0", {"access"}).place("eth1", {"inner"});
    b.row("dns", {udp}, "access", "clients", {{53, 53}});
    Expectation dns = between("203.0.113.10", "8.8.8.8", udp, {{53, 53}});
    EXPECT_EQ(run(b, {passes(dns, "dns")}), "");
    dns.interface = "eth1";
    EXPECT_EQ(run(b, {dns}), "");
    b.row("inner-dns", {udp}, "inner", "clients", {{53, 53}});
    EXPECT_EQ(run(b, {dns}),
              "expected drop, but udp 203.0.113.10:40000 -> 8.8.8.8:53 on eth1 passes by row "
              "'inner-dns'\n");
}

TEST(Expect, TwoAddressesOfWhichNoneIsListedComeIn) {
    PolicyBuilder b;
    b.interface_role("host").any_peers("clients");
    b.row("dns", {udp}, "host", "clients", {{53, 53}});
    const Expectation dns = between("10.0.0.5", "8.8.8.8", udp, {{53, 53}});
    b.policy.expect = {dns};
    const Judged judged(b.policy);
    Diagnostics diagnostics;
    EXPECT_EQ(check_expectations(judged.policy, judged.view, diagnostics).count, 1U);
    ASSERT_EQ(diagnostics.all().size(), 1U);
    EXPECT_EQ(diagnostics.all()[0].message,
              "neither 10.0.0.5 nor 8.8.8.8 is listed under edge; this is tested as coming in");
    EXPECT_EQ(diagnostics.all()[0].hint,
              "write a role, as 'host', in place of the address of this host");
    EXPECT_EQ(run(b, {passes(between("8.8.8.8", "10.0.0.5", tcp, {{22, 22}}))}),
              "expected pass, but tcp 8.8.8.8:40000 -> 10.0.0.5:22 is dropped (no-service)\n");
    // Without an interface role it is known that neither address belongs to this host.
    EXPECT_EQ(run(edge(), {between("10.0.0.5", "8.8.8.8", udp, {{53, 53}})}), "");
    EXPECT_EQ(run(b, {between("10.0.0.5", "224.0.0.251", udp, {{5353, 5353}})}), "");
}

TEST(Expect, WhatIsEssentialPasses) {
    PolicyBuilder b = edge();
    b.row("relay", {udp}, "access", "clients", {{67, 67}});
    Expectation e = outbound("access", "192.0.2.7", udp, {{67, 68}});
    e.source_port = {{60, 70}};
    const std::string passes_without =
        ", but udp 203.0.113.10:68 -> 192.0.2.7:67 passes by row 'essential-dhcp'\n";
    EXPECT_EQ(run(edge(), {e}), "expected drop" + passes_without);
    e.port = {{67, 67}};
    EXPECT_EQ(run(b, {passes(e)}), "");
    EXPECT_EQ(run(b, {passes(e, "relay")}), "expected pass by row 'relay'" + passes_without);
    e.source_port = {{60, 67}, {69, 70}};
    EXPECT_EQ(run(b, {passes(e, "relay")}), "");
    EXPECT_EQ(run(edge(), {e}), "");
    e.source_port = any_port;  // a client's port is not meant
    EXPECT_EQ(run(b, {passes(e, "relay")}), "");
    EXPECT_EQ(run(edge(), {e}), "");
    EXPECT_EQ(run(edge(), {passes(outbound("access", "224.0.0.22", 2, {}))}), "");
}

TEST(Expect, PingHasNoPorts) {
    PolicyBuilder b = edge();
    b.row("ping", {test::icmp}, "partners", "access");
    EXPECT_EQ(run(b, {passes(inbound("198.51.100.7", "access", test::icmp, {}), "ping"),
                      inbound("192.0.2.7", "access", test::icmp, {})}),
              "");
}

}  // namespace
}  // namespace pm
