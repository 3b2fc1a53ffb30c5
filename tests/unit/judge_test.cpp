// SPDX-License-Identifier: Apache-2.0
#include "policy/judge/judge.h"

#include <tuple>

#include <gtest/gtest.h>

#include "policy/image/locals.h"
#include "policy/judge/question.h"
#include "policy/model/labels.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::icmp;
using test::Judged;
using test::PolicyBuilder;
using test::question;
using test::tcp;
using test::udp;

TEST(Judge, TuplesKeepTheWholeQuestion) {
    for (const char *text : {"in tcp 192.0.2.1:40000 > 203.0.113.10:443",
                             "out udp [2001:db8::1]:3478 > [2001:db8:20::7]:5000",
                             "in icmp 192.0.2.1 > 203.0.113.10"}) {
        const Question asked = question(text, 3),
                       again = to_question(to_key(asked), asked.direction);
        EXPECT_EQ(to_string(again), to_string(asked));
        EXPECT_EQ(again.direction, asked.direction);
        EXPECT_EQ(again.interface, 3U);
    }
    const pm_flow_key in = to_key(question("in tcp 192.0.2.1:40000 > 203.0.113.10:443"));
    EXPECT_EQ(in.local_port, 443);
    EXPECT_EQ(in.remote_port, 40000);
    const pm_flow_key out = to_key(question("out tcp 203.0.113.10:40000 > 192.0.2.1:443"));
    EXPECT_EQ(out.local_port, 40000);
    EXPECT_EQ(out.remote_port, 443);
}

TEST(Judge, QuestionsReadLikeThis) {
    EXPECT_EQ(to_string(question("in tcp 198.51.100.7:40000 > 203.0.113.10:5061")),
              "tcp 198.51.100.7:40000 -> 203.0.113.10:5061");
    EXPECT_EQ(to_string(question("in udp [2001:db8::7]:40000 > [2001:db8:10::10]:3478")),
              "udp [2001:db8::7]:40000 -> [2001:db8:10::10]:3478");
    EXPECT_EQ(to_string(question("in icmpv6 2001:db8::7 > 2001:db8:10::10")),
              "icmpv6 2001:db8::7 -> 2001:db8:10::10");
    EXPECT_EQ(to_string(question("in 47 198.51.100.7 > 203.0.113.10")),
              "47 198.51.100.7 -> 203.0.113.10");
}

TEST(Judge, EveryReasonHasItsLabel) {
#define PM_REASON(id, name, label, meaning) EXPECT_STREQ(reason_label(PM_DROP_##name), label);
#include "maps/reasons.def"
#undef PM_REASON
    EXPECT_EQ(reason_label(PM_UNDECIDED), nullptr);
}

TEST(Judge, SaysWhy) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).role("av", {"203.0.113.11"}).role("inner", {"10.1.0.1"});
    b.place("eth0", {"access", "av"}).place("eth1", {"inner"});
    b.peers("partners", {"198.51.100.0/24"}).peers("fraud", {"192.0.2.128/25"});
    b.any_peers("clients").no_peers("admins").block("fraud");
    b.row("sip", {tcp}, "partners", "access", {{5061, 5061}});
    b.row("stun", {udp}, "partners", "av", {{3478, 3478}});
    b.row("relay", {tcp}, "av", "clients", any_port, {{50000, 59999}});
    b.row("ssh", {tcp}, "admins", "access", {{22, 22}});
    b.row("ask", {udp}, "av", "clients", {{53, 53}});
    b.row("ping", {icmp}, "clients", "access");
    b.failsafe("rescue", {tcp}, "partners", "access", {{8022, 8022}});
    const Judged judged(b.policy);
    const std::pair<const char *, const char *> cases[] = {
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:5061",
         "row 'sip' permits it: 198.51.100.7 is in 'partners' (198.51.100.0/24), 203.0.113.10 is in "
         "role 'access'"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:8022",
         "failsafe row 'rescue' permits it: 198.51.100.7 is in 'partners' (198.51.100.0/24), "
         "203.0.113.10 is in role 'access'"},
        {"in tcp 192.0.2.1:40000 > 203.0.113.10:5061",
         "row 'sip' has tcp port 5061 with 203.0.113.10; none permits 192.0.2.1 as source"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.11:5061",
         "row 'sip' has tcp port 5061; none permits 203.0.113.11 as destination on eth0"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:25",
         "no row has tcp port 25 for flows that come in"},
        {"out tcp 203.0.113.11:40000 > 192.0.2.1:25",
         "row 'relay' has it, but not from source port 40000"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:22",
         "no row has tcp port 22 for flows that come in; row 'ssh' is switched off, since 'admins' "
         "is none"},
        {"in udp 192.0.2.1:53 > 203.0.113.11:40000",
         "no row lets it open a flow; it could answer one of 'ask', but none is live"},
        {"in udp 192.0.2.1:40000 > 203.0.113.11:53",
         "no row has udp port 53 for flows that come in"},
        {"in udp 198.51.100.7:40000 > 203.0.113.99:3478", "203.0.113.99 is in no role of eth0"},
        {"in udp 198.51.100.7:40000 > 10.1.0.1:3478",
         "10.1.0.1 is in no role of eth0; role 'inner' is placed elsewhere"},
        {"in tcp 192.0.2.129:40000 > 203.0.113.10:5061",
         "192.0.2.129 is in 'fraud' (192.0.2.128/25), listed under block"},
        {"in tcp 203.0.113.11:40000 > 203.0.113.10:5061",
         "203.0.113.11 is this host's own, in role 'av': nobody else may send from it"},
        {"in tcp 127.0.0.1:40000 > 203.0.113.10:5061",
         "127.0.0.1 is unspecified, loopback, multicast, broadcast or reserved: no source"},
        {"in tcp 198.51.100.7:40000 > 127.0.0.1:5061",
         "127.0.0.1 is unspecified, loopback or reserved: no destination"},
        {"in 47 198.51.100.7 > 203.0.113.10", "no row names protocol 47 in IPv4"},
        {"in 2 198.51.100.7 > 203.0.113.10",
         "IGMP is sent to groups alone, and 203.0.113.10 is none"},
        {"in icmp 198.51.100.7 > 203.0.113.11",
         "row 'ping' has icmp; none permits 203.0.113.11 as destination on eth0"},
        {"out icmp 203.0.113.10 > 198.51.100.7", "no row has icmp for flows that go out"},
    };
    for (const auto &[packet, why] : cases) EXPECT_EQ(judged.ask(packet).why.text, why) << packet;
}

TEST(Judge, SaysWhatDecidedAndWhatToDo) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).peers("partners", {"198.51.100.0/24", "192.0.2.0/28"});
    b.peers("fraud", {"192.0.2.128/25"}).block("fraud");
    b.row("sip", {tcp}, "partners", "access", {{5061, 5061}});
    const Judged judged(b.policy);
    const Why passed = judged.ask("in tcp 192.0.2.7:40000 > 203.0.113.10:5061").why;
    EXPECT_EQ(passed.set, "partners");
    EXPECT_EQ(passed.entry, "192.0.2.0/28");
    EXPECT_EQ(passed.remedy, "");
    const Why no_row = judged.ask("in tcp 192.0.2.66:40000 > 203.0.113.10:5061").why;
    EXPECT_EQ(no_row.row, "sip");
    EXPECT_EQ(no_row.remedy, "to permit it, add 192.0.2.66 to 'partners', the source of row 'sip'");
    const Why no_service = judged.ask("in udp 192.0.2.66:40000 > 203.0.113.10:5060").why;
    EXPECT_EQ(no_service.remedy,
              "to permit it, add a row: { id: NAME, transport: udp, source: SET, destination: "
              "access, port: 5060 }, with 192.0.2.66 in SET");
    const Why blocked = judged.ask("in tcp 192.0.2.129:40000 > 203.0.113.10:5061").why;
    EXPECT_EQ(blocked.set, "fraud");
    EXPECT_EQ(blocked.entry, "192.0.2.128/25");
    EXPECT_EQ(blocked.remedy, "to permit it, take 192.0.2.128/25 out of 'fraud'");
}

// The interface 2 is closed: it may be eth0 or eth1, so the failsafe rows of both pass there.
TEST(Judge, OnlyFailsafeRowsPassOnAClosedInterface) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).role("inner", {"10.1.0.1"}).any_peers("clients");
    b.role("lan", {}).policy.roles["lan"].is_interface = true;
    b.place("eth0", {"access"}).place("eth1", {"inner", "lan"});
    b.peers("admins", {"198.51.100.0/24"});
    b.row("sip", {tcp}, "clients", "access", {{5061, 5061}});
    b.row("ask", {udp}, "access", "clients", {{53, 53}});
    b.failsafe("ssh", {tcp}, "admins", "access", {{22, 22}});
    b.failsafe("inner-ssh", {tcp}, "admins", "inner", {{22, 22}});
    b.failsafe("lan-ssh", {tcp}, "admins", "lan", {{2222, 2222}});
    const Judged judged(b.policy, {.interfaces = {"eth0", "eth1", "eth7"}, .closed = {2}});
    const std::tuple<const char *, unsigned, const char *> cases[] = {
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:22", 0, "ssh"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:22", 1, "no-role"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:22", 2, "ssh"},
        {"in tcp 198.51.100.7:40000 > 10.1.0.1:22", 2, "inner-ssh"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.77:2222", 2, "lan-ssh"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:2222", 1, "no-role"},
        {"in tcp 198.51.100.7:40000 > 203.0.113.10:2222", 2, "no-row"},  // as on every interface
        {"in tcp 192.0.2.1:40000 > 203.0.113.10:22", 2, "no-row"},
        {"in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 0, "sip"},
        {"in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 2, "no-row"},
        {"out udp 203.0.113.10:40000 > 192.0.2.1:53", 0, "ask"},
        {"out udp 203.0.113.10:40000 > 192.0.2.1:53", 2, "no-row"},
        {"in tcp 192.0.2.1:40000 > 203.0.113.10:80", 2, "no-service"},
    };
    for (const auto &[packet, interface, verdict] : cases)
        EXPECT_EQ(judged(packet, interface), verdict) << packet << " on " << interface;
    for (unsigned number = 0; number < PM_INTERFACES; ++number)
        EXPECT_EQ(is_closed(judged.view.view(), number), number == 2) << number;
}

TEST(Judge, AClosedInterfaceOfAPolicyWithoutInterfaces) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).any_peers("clients");
    b.row("sip", {tcp}, "clients", "access", {{5061, 5061}});
    b.failsafe("ssh", {tcp}, "clients", "access", {{22, 22}});
    const Judged judged(b.policy, {.interfaces = {"eth0", "eth1"}, .closed = {1}});
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 0), "sip");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:5061", 1), "no-row");
    EXPECT_EQ(judged("in tcp 192.0.2.1:40000 > 203.0.113.10:22", 1), "ssh");
}

// The reason is the one that the programs count.
TEST(Judge, ADatagramMayHaveThePortsOfAnAnswer) {
    PolicyBuilder b;
    b.role("relay", {"203.0.113.10"}).role("other", {"203.0.113.11"}).any_peers("clients");
    b.peers("fraud", {"192.0.2.128/25"}).block("fraud");
    b.row("out", {udp, tcp}, "relay", "clients", any_port, {{50000, 59999}});
    const Judged judged(b.policy);
    const std::pair<const char *, pm_reason> cases[] = {
        {"in udp 192.0.2.1:9 > 203.0.113.10:50000", PM_DROP_NOT_FIRST_PACKET},
        {"in udp 192.0.2.1:9 > 203.0.113.10:49999", PM_DROP_NO_SERVICE},
        {"in udp 192.0.2.1:9 > 203.0.113.11:50000", PM_DROP_NO_ROW},
        {"in udp 192.0.2.1:9 > 203.0.113.12:50000", PM_DROP_NO_ROLE},
        {"in udp 192.0.2.129:9 > 203.0.113.10:50000", PM_DROP_BLOCKED},
        {"in udp 203.0.113.11:9 > 203.0.113.10:50000", PM_DROP_OWN_ADDRESS_SPOOFED},
        {"in tcp 192.0.2.1:9 > 203.0.113.10:50000", PM_DROP_NO_SERVICE},  // a SYN answers nothing
    };
    for (const auto &[packet, reason] : cases)
        EXPECT_STREQ(reason_label(judged.ask(packet).reason), reason_label(reason)) << packet;
}

TEST(Judge, EssentialsComeBeforeAddressesAndRows) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10", "2001:db8:10::10"}).any_peers("clients");
    b.row("out", {udp}, "access", "clients", any_port);
    const Judged judged(b.policy);
    const std::pair<const char *, const char *> cases[] = {
        {"out udp 203.0.113.10:68 > 255.255.255.255:67", "essential-dhcp"},
        {"out udp 0.0.0.0:68 > 255.255.255.255:67", "essential-dhcp"},
        {"out udp 203.0.113.10:68 > 192.0.2.1:67", "essential-dhcp"},
        {"out udp [fe80::1]:546 > [ff02::1:2]:547", "essential-dhcp"},
        {"out udp 203.0.113.10:67 > 192.0.2.1:67", "out"},
        {"out udp 203.0.113.10:68 > 192.0.2.1:68", "out"},
        {"out udp 203.0.113.10:546 > 192.0.2.1:547", "out"},
        {"out tcp 203.0.113.10:68 > 192.0.2.1:67", "no-service"},
        {"out udp 0.0.0.0:67 > 255.255.255.255:67", "bad-source-address"},
        {"out udp [2001:db8:10::10]:68 > [2001:db8::1]:67", "out"},
        // The programs have not seen the client's question.
        {"in udp 192.0.2.1:67 > 203.0.113.10:68", "not-first-packet"},
        {"in udp 192.0.2.1:68 > 203.0.113.10:67", "not-first-packet"},
        {"in 2 192.0.2.1 > 224.0.0.1", "essential-multicast"},
        {"out 2 0.0.0.0 > 224.0.0.22", "essential-multicast"},
        {"out 2 2001:db8:10::10 > ff02::16", "unsupported-protocol"},
    };
    for (const auto &[packet, verdict] : cases) EXPECT_EQ(judged(packet), verdict) << packet;
    EXPECT_EQ(judged.ask("out udp 0.0.0.0:68 > 255.255.255.255:67").why.text,
              "it is essential and needs no row");
}

TEST(Judge, LongListsAreCut) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).peers("partners", {"198.51.100.0/24"});
    for (int i = 0; i < 8; ++i)
        b.row("sip" + std::to_string(i), {tcp}, "partners", "access", {{5061, 5061}});
    EXPECT_EQ(Judged(b.policy).ask("in tcp 192.0.2.1:40000 > 203.0.113.10:5061").why.text,
              "rows 'sip0', 'sip1', 'sip2', 'sip3', 'sip4' and 3 more have tcp port 5061 with "
              "203.0.113.10; none permits 192.0.2.1 as source");
}

}  // namespace
}  // namespace pm
