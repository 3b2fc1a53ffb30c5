// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/check/lint.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::icmp;
using test::icmpv6;
using test::PolicyBuilder;
using test::tcp;
using test::udp;
using testing::ElementsAre;
using testing::IsEmpty;

// "message | witness" of each finding.
std::vector<std::string> findings(const Policy &policy) {
    Diagnostics diagnostics;
    lint(policy, diagnostics);
    EXPECT_FALSE(diagnostics.has_errors());
    std::vector<std::string> out;
    for (const Diagnostic &each : diagnostics.all())
        out.push_back(each.message + (each.witness.empty() ? "" : " | " + each.witness));
    return out;
}

// A policy without findings.
PolicyBuilder clean() {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10", "2001:db8:10::10"}).role("av", {"203.0.113.11"});
    b.peers("partners", {"198.51.100.0/24"}).peers("admins", {"10.9.0.0/24"});
    b.peers("six", {"2001:db8:66::/48"}).any_peers("clients");
    b.failsafe("ssh", {tcp}, "admins", "access", {{22, 22}});
    b.row("sip", {tcp}, "partners", "access", {{5061, 5061}});
    return b;
}

TEST(Check, ACleanPolicyHasNoFindings) {
    EXPECT_THAT(findings(clean().policy), IsEmpty());
}

TEST(Check, ARowThatIsShadowedByOne) {
    PolicyBuilder b = clean();
    b.row("sip-again", {tcp}, "partners", "access", {{5061, 5061}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'sip-again' can never match: row 'sip' permits all that it "
                            "permits | tcp 198.51.100.7:40000 -> 203.0.113.10:5061"));
}

TEST(Check, ARowOfAddressesThatNoPacketMayHave) {
    const std::string dropped = "' can never match: the address checks drop all that it permits | ";
    PolicyBuilder b = clean();
    b.role("net", {"10.1.0.0/16"}).role("loop", {"127.0.0.1"});
    b.peers("classe", {"240.0.0.0/8"}).peers("localhost", {"127.0.0.0/8", "::1/128"});
    b.peers("groups", {"224.0.0.0/8", "ff02::/16"}).peers("own", {"203.0.113.11", "10.1.2.0/24"});
    b.row("reserved-in", {tcp}, "classe", "access", {{1000, 1000}});
    b.row("loopback-in", {tcp}, "localhost", "access", {{1001, 1001}});
    b.row("groups-in", {udp}, "groups", "access", {{1002, 1002}});
    b.row("own-in", {tcp}, "own", "access", {{1003, 1003}});
    b.row("to-loopback", {tcp}, "clients", "loop", {{1004, 1004}});
    b.row("loopback-out", {tcp}, "access", "localhost", {{1005, 1005}});
    b.row("groups-out", {udp}, "access", "groups", {{1006, 1006}});
    b.row("own-out", {tcp}, "access", "own", {{1007, 1007}});
    b.row("any-in", {tcp}, "clients", "access", {{1008, 1008}});
    EXPECT_THAT(
        findings(b.policy),
        ElementsAre("row 'reserved-in" + dropped + "tcp 240.0.0.0:40000 -> 203.0.113.10:1000",
                    "row 'loopback-in" + dropped + "tcp 127.0.0.0:40000 -> 203.0.113.10:1001",
                    "row 'groups-in" + dropped + "udp 224.0.0.0:40000 -> 203.0.113.10:1002",
                    "row 'own-in" + dropped + "tcp 10.1.2.0:40000 -> 203.0.113.10:1003",
                    "row 'to-loopback" + dropped + "tcp 198.51.100.7:40000 -> 127.0.0.1:1004",
                    "row 'loopback-out" + dropped + "tcp 203.0.113.10:40000 -> 127.0.0.0:1005"));
}

TEST(Check, WhatIsLeftOfARowIsWhatPacketsMayHave) {
    PolicyBuilder b = clean();
    b.peers("half", {"0.0.0.0/0"}).peers("mixed", {"127.0.0.0/8", "192.0.2.0/24"});
    b.row("all", {tcp}, "half", "access", {{1000, 1000}});
    b.row("rest", {tcp}, "clients", "access", {{1000, 1000}});
    b.row("some", {tcp}, "mixed", "access", {{1001, 1001}});
    b.row("six-only", {tcp}, "six", "av", {{1002, 1002}});
    EXPECT_THAT(
        findings(b.policy),
        ElementsAre(
            "row 'six-only' can never match: no packet has an address of 'six' and one "
            "of 'av'",
            "row 'rest' overlaps row 'all', which comes first: what both permit is counted by the first | tcp "
            "198.51.100.7:40000 -> 203.0.113.10:1000"));
    b.role("only", {"203.0.113.12"});  // IPv4: what 'half' leaves of 'clients' there are martians
    b.row("all-of-it", {tcp}, "half", "only", {{1003, 1003}});
    b.row("none", {tcp}, "clients", "only", {{1003, 1003}});
    EXPECT_THAT(findings(b.policy),
                testing::Contains("row 'none' can never match: row 'all-of-it' permits all "
                                  "that it permits | tcp 198.51.100.7:40000 -> 203.0.113.12:1003"));
}

TEST(Check, TheWitnessOfNoFailsafeRowIsAPacketThatMayCome) {
    PolicyBuilder b;
    b.role("a-loop", {"127.0.0.1"}).role("edge", {"203.0.113.10"}).any_peers("clients");
    b.row("web", {tcp}, "clients", "edge", {{443, 443}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("no failsafe row: a ban, a block or an edit of the matrix can shut the "
                            "administrators out | tcp 198.51.100.7:40000 -> 203.0.113.10:22"));
}

TEST(Check, ARowThatIsShadowedBySeveral) {
    PolicyBuilder b = clean();
    b.row("low", {tcp}, "clients", "access", {{6000, 6099}});
    b.row("high", {tcp}, "clients", "access", {{6100, 6199}});
    b.row("both", {tcp}, "partners", "access", {{6050, 6150}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'both' can never match: rows 'low', 'high' and others "
                            "together permit all that it permits | tcp 198.51.100.7:40000 -> "
                            "203.0.113.10:6050"));
}

TEST(Check, ARowWhosePeersAreBlocked) {
    PolicyBuilder b = clean();
    b.peers("fraud", {"192.0.2.0/24"}).block("fraud");
    b.row("web", {tcp}, "fraud", "access", {{443, 443}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'web' can never match: all that it permits is blocked | "
                            "tcp 192.0.2.0:40000 -> 203.0.113.10:443"));
}

TEST(Check, ARowWithoutACommonFamily) {
    PolicyBuilder b = clean();
    b.row("six", {tcp}, "six", "av", {{443, 443}});
    b.row("ping", {icmp}, "six", "access");
    b.row("ping6", {icmpv6}, "six", "access");
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'six' can never match: no packet has an address of 'six' "
                            "and one of 'av'",
                            "row 'ping' can never match: no packet has an address of 'six' "
                            "and one of 'access'"));
}

// The IPv6 peers of the later row meet a role that has only IPv4 addresses: no packet is left.
TEST(Check, ShadowsAreSeenFamilyByFamily) {
    PolicyBuilder b = clean();
    b.peers("any4", {"0.0.0.0/0"});
    b.row("four", {tcp}, "any4", "av", {{443, 443}});
    b.row("all", {tcp}, "clients", "av", {{443, 443}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'all' can never match: row 'four' permits all that it "
                            "permits | tcp 198.51.100.7:40000 -> 203.0.113.11:443"));
}

TEST(Check, OverlapsThatSplitCredit) {
    PolicyBuilder b = clean();
    b.row("port", {tcp}, "av", "clients", {{50000, 59999}});
    b.row("relay", {tcp}, "av", "clients", any_port, {{10000, 20000}});
    b.row("other-role", {tcp}, "access", "clients", {{50000, 59999}});
    EXPECT_THAT(
        findings(b.policy),
        ElementsAre("row 'relay' overlaps row 'port', which comes first: what both permit is "
                    "counted by the first | tcp 203.0.113.11:10000 -> 198.51.100.7:50000"));
    PolicyBuilder rescue = clean();
    rescue.row("ssh-all", {tcp}, "clients", "access", {{22, 22}});
    EXPECT_THAT(
        findings(rescue.policy),
        ElementsAre("row 'ssh-all' overlaps row 'ssh', which comes first: what both permit is "
                    "counted by the first | tcp 10.9.0.0:40000 -> 203.0.113.10:22"));
}

// An overlap alone may be meant; a limit or a check that does not hold is not.
TEST(Check, ALimitOrCheckThatIsGotAroundIsAWarning) {
    const auto severities = [](const Policy &policy) {
        Diagnostics diagnostics;
        lint(policy, diagnostics);
        return std::pair(diagnostics.warnings(), diagnostics.notes());
    };
    PolicyBuilder b = clean();
    b.row("some", {tcp}, "partners", "access", {{443, 443}});
    b.row("all", {tcp}, "clients", "access", {{443, 443}});
    EXPECT_EQ(severities(b.policy), std::pair(0, 1));

    Row &all = b.policy.rows.back(), &some = b.policy.rows[b.policy.rows.size() - 2];
    all.limit = {.flows = 10, .per_seconds = 1, .burst = 10, .per_row = false};
    EXPECT_EQ(severities(b.policy), std::pair(1, 0));
    EXPECT_THAT(
        findings(b.policy),
        ElementsAre("the limit of row 'all' does not hold for all of its packets: row 'some' comes "
                    "first, permits some of them, and has not the same limit | tcp "
                    "198.51.100.7:40000 -> 203.0.113.10:443"));
    some.limit = all.limit;
    EXPECT_EQ(severities(b.policy), std::pair(0, 1));
    some.limit.per_seconds = 60;  // stricter
    EXPECT_EQ(severities(b.policy), std::pair(0, 1));
    some.limit = {.flows = 11, .per_seconds = 1, .burst = 10, .per_row = false};
    EXPECT_EQ(severities(b.policy), std::pair(1, 0));
    some.limit = all.limit;
    all.check = {.payload = Check::Payload::tls, .drop = true};
    EXPECT_THAT(findings(b.policy), ElementsAre(testing::StartsWith("the check of row 'all'")));
    some.limit = {};
    EXPECT_THAT(findings(b.policy),
                ElementsAre(testing::StartsWith("the limit and check of row 'all'")));

    // A failsafe row takes no limit, and is to be first.
    PolicyBuilder rescue = clean();
    rescue.row("ssh-all", {tcp}, "clients", "access", {{22, 22}});
    rescue.policy.rows.back().limit = all.limit;
    EXPECT_EQ(severities(rescue.policy), std::pair(0, 1));
}

TEST(Check, WhatIsAcceptedIsNotTold) {
    PolicyBuilder b = clean();
    b.policy.rows.erase(b.policy.rows.begin());
    b.row("some", {tcp}, "partners", "access", {{443, 443}});
    b.row("all", {tcp}, "clients", "access", {{443, 443}});
    b.policy.rows.back().limit = {.flows = 10, .per_seconds = 1, .burst = 10, .per_row = false};
    b.row("wide", {udp}, "clients", "av", {{20000, 40001}});
    b.row("relay", {tcp}, "av", "clients", any_port, {{50000, 59999}});
    b.row("never", {tcp}, "partners", "access", {{443, 443}});
    EXPECT_EQ(findings(b.policy).size(), 5U);

    b.policy.accept = {"no-failsafe"};
    for (Row &row : b.policy.rows) row.accept = {"overlap", "over-wide", "ephemeral-ports"};
    EXPECT_THAT(findings(b.policy), ElementsAre(testing::StartsWith("row 'never' can never match")))
        << "that is no overlap";
}

TEST(Check, OverWideRows) {
    PolicyBuilder b = clean();
    b.row("wide", {udp}, "clients", "av", {{20000, 40000}});
    b.row("media", {udp}, "clients", "access", {{20001, 40000}});
    b.row("known", {udp}, "partners", "access", {{1, 20000}, {40001, 65535}});
    b.row("from-dns", {tcp}, "clients", "av", {{1, 30000}}, {{53, 53}});
    b.row("relay", {tcp}, "av", "clients", {{1, 30000}}, {{20000, 29999}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'wide' is over-wide: it opens 20001 ports to 'clients', most of "
                            "the Internet | udp 198.51.100.7:40000 -> 203.0.113.11:20000",
                            "row 'from-dns' is over-wide: it opens 30000 ports to 'clients', most "
                            "of the Internet | tcp 198.51.100.7:53 -> 203.0.113.11:1"));
}

TEST(Check, SourcePortRowsAmongEphemeralPorts) {
    PolicyBuilder b = clean();
    b.row("relay", {tcp}, "av", "clients", any_port, {{20000, 29999}, {50000, 59999}});
    b.row("below", {udp}, "av", "clients", any_port, {{20000, 32767}});
    b.row("inward", {udp}, "clients", "av", {{9, 9}}, {{50000, 59999}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("row 'relay' permits any port from source ports 50000-59999, which are "
                            "among this host's ephemeral ports (32768-60999): any process may dial "
                            "out by chance | tcp 203.0.113.11:50000 -> 198.51.100.7:1"));
}

TEST(Check, NoFailsafeRow) {
    PolicyBuilder b = clean();
    b.policy.rows.erase(b.policy.rows.begin());
    EXPECT_THAT(findings(b.policy),
                ElementsAre("no failsafe row: a ban, a block or an edit of the matrix can shut the "
                            "administrators out | tcp 198.51.100.7:40000 -> 203.0.113.10:22"));
    b.no_peers("nobody");
    b.failsafe("ssh", {tcp}, "nobody", "access", {{22, 22}});
    EXPECT_THAT(findings(b.policy),
                ElementsAre("no failsafe row is in force: 'ssh' is switched off, since 'nobody' "
                            "is none | tcp 198.51.100.7:40000 -> 203.0.113.10:22"));
}

TEST(Check, InterfaceRoles) {
    PolicyBuilder b = clean();
    b.interface_role("host");
    EXPECT_THAT(
        findings(b.policy),
        ElementsAre("role 'host' is interface, and lists no address: what comes in from this "
                    "host's addresses, or goes out from others, is not dropped as spoofed; "
                    "what NAT for a container, or a relay in the kernel, sends is dropped "
                    "| tcp 192.0.2.1:40000 -> 192.0.2.2:443, where both are this host's"));
}

TEST(Check, ManyFindingsAreSummedUp) {
    PolicyBuilder b = clean();
    for (int i = 0; i < 25; ++i)
        b.row("again" + std::to_string(i), {tcp}, "partners", "access", {{5061, 5061}});
    const auto all = findings(b.policy);
    ASSERT_EQ(all.size(), 11U);
    EXPECT_EQ(all.back(), "15 more rows can never match");
}

TEST(Check, TenThousandRows) {
    PolicyBuilder b = clean();
    for (std::uint32_t i = 0; i < 10000; ++i) {
        const std::string name = std::to_string(i);
        b.peers(
            "set" + name,
            AddressSet({{Address::v4(0x14000000 + i * 7), Address::v4(0x14000000 + i * 7 + 9)}}));
        b.row("row" + name, {tcp}, "set" + name, "access", {{443, 443}});
    }
    const auto start = std::chrono::steady_clock::now();
    const auto all = findings(b.policy);
    const auto end = std::chrono::steady_clock::now();
    std::cout << "10,000 rows that overlap on one port: "
              << std::chrono::duration_cast<std::chrono::milliseconds>(end - start).count()
              << " ms\n";
    ASSERT_EQ(all.size(), 11U);
    EXPECT_EQ(all.back(), "9989 more rows overlap rows that come first");
}

}  // namespace
}  // namespace pm
