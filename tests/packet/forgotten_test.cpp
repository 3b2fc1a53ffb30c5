// SPDX-License-Identifier: Apache-2.0
// Segments of connections that this host has forgotten: only a listener is left of them.
#include "tests/packet/sockets.h"
#include "tests/support/edge_packets.h"
#include "tests/support/payloads.h"

namespace pm::test {
namespace {

// Findings: a client of before a reboot or fail-over was told nothing for minutes.
TEST_F(Sockets, AForgottenConnectionIsAnsweredByAnRst) {
    connect("198.51.100.7");
    const World listening{.socket = naive::Socket::listening};
    const auto in = [&](int flags, Bytes payload = {}) {
        return host.in(tcp("198.51.100.7", 40001, "203.0.113.10", 5061, flags, std::move(payload)),
                       listening);
    };
    const auto out = [&](int flags) {
        return host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 40001, flags), listening);
    };
    for (const int flags : {ACK, PSH | ACK, FIN | ACK})
        EXPECT_EQ(in(flags, text("late")), "row sip-in");
    for (const int flags : {RST, RST | ACK}) {
        EXPECT_EQ(in(flags), "not-first-packet") << "nobody answers an RST";
        EXPECT_EQ(out(flags), "row sip-in");
    }
    EXPECT_EQ(in(SYN | ACK), "not-first-packet");
    for (const int flags : {ACK, SYN | ACK, FIN | ACK}) EXPECT_EQ(out(flags), "not-first-packet");
    Packet part = tcp("198.51.100.7", 40001, "203.0.113.10", 5061, ACK, Bytes(64));
    part.fragment = Fragment{.offset = 0, .more = true, .id = 1, .length = 40};
    EXPECT_EQ(host.in(part, listening), "not-first-packet");
    EXPECT_EQ(host.kernel().flows().size(), 0U);
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40001, "203.0.113.10", 5062, ACK)), "no-service");
    EXPECT_EQ(host.in(tcp("10.1.1.1", 40001, "203.0.113.10", 5061, ACK), listening), "no-row");
    host.ban(addresses({"198.51.100.7/32"}));
    EXPECT_EQ(in(ACK), "banned");
}

// Some clients have ports that a row for what goes out has too.
TEST_F(Sockets, TheRstIsNotTakenForOneOfThisHosts) {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows)
        if (row.id == "sip-out") row.port = {{40001, 40001}};
    host.apply(policy);
    connect("198.51.100.7");
    const World listening{.socket = naive::Socket::listening};
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40001, "203.0.113.10", 5061, ACK), listening),
              "row sip-in");
    EXPECT_EQ(host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 40001, RST), listening),
              "row sip-in");
    EXPECT_EQ(host.out(tcp("203.0.113.10", 5062, "198.51.100.7", 40001, RST)), "not-first-packet");
}

TEST_F(Sockets, AForgottenConnectionOfThisHostIsNot) {
    const Fd listener = tcp_socket("203.0.113.10", 40000);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    const World listening{.socket = naive::Socket::listening};
    EXPECT_EQ(host.in(tcp("198.51.100.7", 5061, "203.0.113.10", 40000, ACK), listening),
              "not-first-packet");
    EXPECT_EQ(host.out(tcp("203.0.113.10", 40000, "198.51.100.7", 5061, RST), listening),
              "not-first-packet");
}

TEST_F(Sockets, ForgottenConnectionsHaveAPace) {
    connect("198.51.100.7");
    const World listening{.socket = naive::Socket::listening};
    const Packet in = tcp("198.51.100.7", 40001, "203.0.113.10", 5061, ACK);
    const Packet rst = tcp("203.0.113.10", 5061, "198.51.100.7", 40001, RST);
    EXPECT_EQ(host.in(in, listening), "row sip-in");
    host.kernel().set_paces(Kernel::Paces::full);
    EXPECT_EQ(host.in(in), "not-first-packet");
    EXPECT_EQ(host.out(rst), "not-first-packet");
    host.kernel().set_paces(Kernel::Paces::off);
}

// A listener of all addresses has that of every destination, also of what is on its way through.
TEST(ForgottenForwarding, WhatTheHostWouldRouteOnIsNotForIt) {
    const Fd listener = tcp_socket("0.0.0.0", 5061);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ip("link add pm-fwd0 type veth peer name pm-fwd1");
    ip("link set pm-fwd0 up");
    ip("link set pm-fwd1 up");
    ip("route add 203.0.113.10/32 dev pm-fwd0");
    Host host(mixed_policy());
    const Packet segment = tcp("198.51.100.7", 40001, "203.0.113.10", 5061, ACK);
    EXPECT_EQ(host.in(segment, {.socket = naive::Socket::listening}), "row sip-in");
    ASSERT_EQ(std::system("echo 1 > /proc/sys/net/ipv4/ip_forward"), 0);
    EXPECT_EQ(host.in(segment, {.routed = true, .socket = naive::Socket::listening}), "forwarded");
    ASSERT_EQ(std::system("echo 0 > /proc/sys/net/ipv4/ip_forward"), 0);
    ip("link delete pm-fwd0");
}

}  // namespace
}  // namespace pm::test
