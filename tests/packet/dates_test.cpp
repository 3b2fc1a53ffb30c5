// SPDX-License-Identifier: Apache-2.0
// Rows with a date: what begins a flow is held against it, and what has begun before goes on.
#include "tests/packet/sockets.h"
#include "tests/support/edge_packets.h"
#include "tests/support/payloads.h"
#include "tests/support/policy_builder.h"
#include "tests/support/time.h"

namespace pm::test {
namespace {

constexpr std::uint64_t minute = 60 * ns_in_second;

// `first` permits the partner until a minute from test_time, `second` until three.
Policy dated_policy() {
    PolicyBuilder builder;
    builder.role("access", {"203.0.113.10/32", "2001:db8:10::10/128"});
    builder.peers("partner", {"198.51.100.7/32", "2001:db8:20::7/128"});
    builder.peers("near", {"198.51.100.0/24"});
    builder.row("first", {6, 17}, "partner", "access", {{5061, 5061}}).expires = test_time + minute;
    builder.row("second", {17}, "near", "access", {{5061, 5061}}).expires = test_time + 3 * minute;
    builder.row("rest", {17}, "any", "access", {{5061, 5061}});
    builder.row("ping", {1}, "partner", "access").expires = test_time;
    return builder.policy;
}

Packet from_port(int port) {
    return udp("198.51.100.7", port, "203.0.113.10", 5061);
}

TEST(Dates, TheNextRowDecidesWhatBeginsLater) {
    Host host(dated_policy());
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    host.wait(55);
    EXPECT_EQ(host.in(from_port(40001)), "row first");
    host.wait(11);
    EXPECT_EQ(host.in(from_port(40002)), "row second");
    host.wait(110);
    EXPECT_EQ(host.in(from_port(40003)), "row second");
    host.wait(11);
    EXPECT_EQ(host.in(from_port(40004)), "row rest");
    EXPECT_EQ(host.in(udp("2001:db8:20::7", 40004, "2001:db8:10::10", 5061)), "row rest");
}

TEST(Dates, WithoutANextRowItIsDropped) {
    Host host(dated_policy());
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40000, "203.0.113.10", 5061, SYN)), "row first");
    EXPECT_EQ(host.in(echo_request("198.51.100.7", "203.0.113.10")), "no-row") << "it was past";
    host.wait(66);
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40001, "203.0.113.10", 5061, SYN)), "no-row");
    EXPECT_EQ(host.in(tcp("198.51.100.8", 40001, "203.0.113.10", 5061, SYN)), "no-row");
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40001, "203.0.113.10", 5061, ACK)), "no-row");
}

TEST(Dates, AFlowThatBeganBeforeGoesOn) {
    Host host(dated_policy());
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    host.wait(55);
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    host.wait(11);
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    EXPECT_EQ(host.in(from_port(40001)), "row second");
    host.ban(addresses({"198.51.100.99/32"}));
    EXPECT_EQ(host.in(from_port(40000)), "row first") << "also where it is judged anew";
    EXPECT_EQ(host.in(from_port(40001)), "row second");
    EXPECT_EQ(host.out(udp("203.0.113.10", 5061, "198.51.100.7", 40000)), "row first");
}

// It is not forgotten what a flow has begun with, but a policy without the row cuts it.
TEST(Dates, AnotherPolicyIsHeldAgainstTheBeginningToo) {
    Host host(dated_policy());
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    host.wait(66);
    EXPECT_EQ(host.in(from_port(40001)), "row second");
    Policy less = dated_policy();
    std::erase_if(less.rows, [](const Row &row) { return row.id != "first"; });
    host.apply(less);
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    EXPECT_EQ(host.in(from_port(40001)), "no-row") << "it began by another row";
    less.rows = {dated_policy().rows[1]};
    host.apply(less);
    EXPECT_EQ(host.in(from_port(40000)), "row second");
}

TEST(Dates, AnErrorAboutAFlowThatBeganBeforePasses) {
    Host host(dated_policy());
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    EXPECT_EQ(host.out(udp("203.0.113.10", 5061, "198.51.100.7", 40000)), "row first");
    host.wait(66);
    host.ban(addresses({"198.51.100.99/32"}));
    const Bytes quoted = datagram(udp("203.0.113.10", 5061, "198.51.100.7", 40000));
    EXPECT_EQ(host.in(icmp_error(address("198.51.100.7"), address("203.0.113.10"), quoted, 28)),
              "essential-icmp-error");
}

TEST(Dates, BlockAndBansComeBeforeThem) {
    Policy policy = dated_policy();
    policy.block = {"partner"};
    Host host(policy);
    EXPECT_EQ(host.in(from_port(40000)), "blocked");
    host.wait(66);
    EXPECT_EQ(host.in(from_port(40000)), "blocked");
    host.apply(dated_policy());
    host.ban(addresses({"198.51.100.7/32"}));
    EXPECT_EQ(host.in(from_port(40000)), "banned");
}

// As before a loader has told the programs.
TEST(Dates, WhereTheTimeIsNotKnownEveryDateIsPast) {
    Kernel &kernel = Kernel::shared();
    Host host(dated_policy());
    EXPECT_EQ(host.in(from_port(40000)), "row first");
    kernel.forget_time();
    EXPECT_FALSE(
        kernel.see(Direction::in, frame(tcp("198.51.100.7", 40009, "203.0.113.10", 5061, SYN)))
            .passed);
    const Seen seen = kernel.see(Direction::in, frame(from_port(40009)));
    ASSERT_EQ(seen.moved.size(), 1U);
    EXPECT_EQ(to_string(seen.moved[0].verdict, dated_policy()), "row rest");
}

Policy sip_until(std::uint64_t end) {
    Policy policy = mixed_policy();
    std::erase_if(policy.rows, [](const Row &row) { return row.id == "sip-any-in"; });
    for (Row &row : policy.rows)
        if (row.id == "sip-in") row.expires = end;
    return policy;
}

TEST_F(Sockets, AConnectionThatBeganBeforeTheDateGoesOnWithoutItsFlow) {
    host.apply(sip_until(test_time + minute));
    connect("198.51.100.7");
    host.wait(66);
    const Packet in = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, ACK);
    const Packet out = tcp("203.0.113.10", 5061, "198.51.100.7", 40000, ACK | PSH);
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40000, "203.0.113.10", 5061, SYN), live), "no-row");
    EXPECT_EQ(host.in(in, live), "row sip-in");
    EXPECT_EQ(host.out(out, live), "row sip-in");
    host.ban(addresses({"192.0.2.99/32"}));
    EXPECT_EQ(host.in(in, live), "row sip-in") << "its entry does not say when it began";
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40001, "203.0.113.10", 5061, ACK),
                      {.socket = naive::Socket::listening}),
              "no-row")
        << "nor does a listener";
    EXPECT_EQ(host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 40001, RST),
                       {.socket = naive::Socket::listening}),
              "no-row");
}

TEST_F(Sockets, AConnectionThatBeganLaterDoesNotGoOnByThatRow) {
    Policy with_next = sip_until(test_time + minute);
    for (Row row : std::vector<Row>(with_next.rows)) {
        if (row.id != "sip-in") continue;
        row.id = "next";
        row.expires = 0;
        with_next.rows.push_back(row);
    }
    host.apply(with_next);
    host.wait(66);
    connect("198.51.100.7");
    const Packet in = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, ACK);
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40000, "203.0.113.10", 5061, SYN), live), "row next");
    EXPECT_EQ(host.in(in, live), "row next");
    host.apply(sip_until(test_time + minute));
    EXPECT_EQ(host.in(in, live), "no-row");
    host.apply(with_next);
    EXPECT_EQ(host.in(in, live), "row next");
}

}  // namespace
}  // namespace pm::test
