// SPDX-License-Identifier: Apache-2.0
// What the programs learn from the kernel around them: sockets, routes, where a packet came
// from; and that a packet is judged by one whole record while records change.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "loader/base/clock.h"
#include "tests/packet/sockets.h"
#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/payloads.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

TEST_F(Sockets, ASocketVouchesForASegmentWithoutAFlow) {
    connect("198.51.100.7");
    const Packet in = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, ACK);
    EXPECT_EQ(host.in(in, live), "row sip-in");
    host.wait(7200);
    EXPECT_EQ(host.in(in, live), "row sip-in") << "its flow is an established one";
    EXPECT_EQ(host.kernel().flows().size(), 1U);
}

TEST_F(Sockets, AndOnTheWayOut) {
    connect("198.51.100.7");
    const Packet out = tcp("203.0.113.10", 5061, "198.51.100.7", 40000, ACK | PSH);
    EXPECT_EQ(host.out(out, live), "row sip-in");
}

TEST_F(Sockets, ButNotAgainstThePolicy) {
    connect("10.1.1.1");  // excepted from the row's peers
    EXPECT_EQ(host.in(tcp("10.1.1.1", 40000, "203.0.113.10", 5061, ACK), live), "no-row");
    Policy without = mixed_policy();
    std::erase_if(without.rows, [](const Row &row) { return row.id != "ping-in"; });
    host.apply(without);
    EXPECT_EQ(host.in(tcp("10.1.1.1", 40000, "203.0.113.10", 5061, ACK), live), "no-service");
}

Policy with_tls_asked() {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows)
        if (row.id.starts_with("sip-")) row.check = {.payload = Check::Payload::tls, .drop = true};
    return policy;
}

class SocketsChecked : public Sockets {
protected:
    void shake_hands() {
        host.apply(with_tls_asked());
        connect("198.51.100.7");
        EXPECT_EQ(client(SYN), "row sip-in");
        EXPECT_EQ(server(SYN | ACK), "row sip-in");
        EXPECT_EQ(client(ACK), "row sip-in");
    }
    std::string client(int flags) {
        return host.in(tcp("198.51.100.7", 40000, "203.0.113.10", 5061, flags), live);
    }
    std::string client(Bytes payload) {
        return host.in(
            tcp("198.51.100.7", 40000, "203.0.113.10", 5061, PSH | ACK, std::move(payload)), live);
    }
    std::string server(int flags) {
        return host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 40000, flags), live);
    }
};

TEST_F(SocketsChecked, AClientThatWaitsDoesNotOutwaitItsCheck) {
    shake_hands();
    host.wait(66);
    EXPECT_EQ(client(text("GET /")), "payload-mismatch");
    EXPECT_EQ(server(ACK), "row sip-in") << "which makes the entry anew";
    EXPECT_EQ(client(text("GET /")), "payload-mismatch");
    EXPECT_EQ(client(client_hello()), "row sip-in");
    EXPECT_EQ(client(text("whatever follows")), "row sip-in");
}

// An RST with a wrong sequence number shortens the life of the entry, but the socket stays.
TEST_F(SocketsChecked, NorOneThatResets) {
    shake_hands();
    EXPECT_EQ(client(RST), "row sip-in");
    host.wait(11);
    EXPECT_EQ(client(text("GET /")), "payload-mismatch");
    EXPECT_EQ(client(ACK), "row sip-in");
    EXPECT_EQ(client(RST), "row sip-in");
    host.wait(11);
    EXPECT_EQ(client(text("GET /")), "payload-mismatch");
    EXPECT_EQ(client(client_hello()), "row sip-in");
}

// The stack answers a SYN on a live connection with a challenge ACK. The client's next data lies in
// the middle of its stream and would fail a check.
TEST_F(SocketsChecked, AForgedSynDoesNotHaveAForgottenConnectionAskedAgain) {
    host.apply(with_tls_asked());
    connect("198.51.100.7");
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(client(text("of the same connection")), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in") << "another one, once its socket is gone";
    EXPECT_EQ(client(text("GET /")), "payload-mismatch");
    host.wait(66);
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(client(text("GET /")), "payload-mismatch") << "what it waited for stays";
}

// The entry expires before the client completes the handshake; only the half-open socket is left.
TEST_F(SocketsChecked, WhatCompletesAHandshakeLateIsAskedToo) {
    const World half_open{.socket = naive::Socket::half_open};
    auto sends = [&](int flags, Bytes payload = {}) {
        Packet packet = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, flags);
        std::get<Tcp>(packet.transport).payload = std::move(payload);
        return host.in(packet, half_open);
    };
    host.apply(with_tls_asked());
    begin_connection("198.51.100.7", 40000, 300);
    EXPECT_EQ(sends(SYN), "row sip-in");
    host.wait(66);
    EXPECT_EQ(sends(ACK), "row sip-in");
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40000, "203.0.113.10", 5061, ACK)), "row sip-in")
        << "its entry waits for the payload, whatever becomes of the socket";
    EXPECT_EQ(sends(PSH | ACK, text("GET /")), "payload-mismatch");
    EXPECT_EQ(sends(PSH | ACK, client_hello()), "row sip-in");
    EXPECT_EQ(sends(PSH | ACK, text("whatever follows")), "row sip-in");
}

// What its later fragments bring cannot be seen.
TEST_F(SocketsChecked, ASynInFragmentsIsAskedToo) {
    host.apply(with_tls_asked());
    Packet syn = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, SYN, client_hello());
    std::get<Tcp>(syn.transport).options = {1, 1, 1, 1};
    syn.fragment = Fragment{.more = true, .length = 24};  // the header alone
    EXPECT_EQ(host.in(syn), "payload-mismatch");
}

// This host gave up on a peer that acknowledged nothing, so neither a FIN nor an RST was seen.
TEST_F(SocketsChecked, WhatFollowsAConnectionThatDiedSilentlyIsAsked) {
    host.apply(with_tls_asked());
    connect("198.51.100.7");
    EXPECT_EQ(client(ACK), "row sip-in");
    EXPECT_EQ(client(client_hello()), "row sip-in");
    EXPECT_EQ(client(SYN), "row sip-in") << "forged";
    EXPECT_EQ(client(text("of the same connection")), "row sip-in");
    client_ = Fd();
    server_ = Fd();
    const Packet syn = tcp("198.51.100.7", 40000, "203.0.113.10", 5061, SYN);
    EXPECT_EQ(host.in(syn), "row sip-in");
    EXPECT_EQ(host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 40000, SYN | ACK)), "row sip-in");
    EXPECT_EQ(host.in(tcp("198.51.100.7", 40000, "203.0.113.10", 5061, PSH | ACK, text("GET /"))),
              "payload-mismatch");
}

// The RST is the first packet that the programs see of the connection. It must be remembered like
// any RST.
TEST_F(SocketsChecked, AnRstThatASocketVouchesForIsAnRst) {
    host.apply(with_tls_asked());
    connect("198.51.100.7");
    EXPECT_EQ(client(RST), "row sip-in");
    EXPECT_EQ(client(SYN), "row sip-in");
    EXPECT_EQ(server(SYN | ACK), "row sip-in");
    EXPECT_EQ(client(text("GET /")), "payload-mismatch");
}

// A row inbound and a row outbound permit the same addresses and ports. `assured` has one entry for
// both.
TEST_F(Sockets, AFlowThatTheOtherSideOpensTakesTheEntryOver) {
    host.apply(with_tls_asked());
    connect("198.51.100.7", 5061);
    const Packet syn = tcp("198.51.100.7", 5061, "203.0.113.10", 5061, SYN);
    auto opener = [&] { return host.kernel().flows().at(0).opener; };
    EXPECT_EQ(host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 5061, ACK), live), "row sip-out");
    EXPECT_EQ(host.in(tcp("198.51.100.7", 5061, "203.0.113.10", 5061, FIN | ACK)), "row sip-out");
    EXPECT_EQ(opener(), PM_OUT);
    EXPECT_EQ(host.in(syn), "row sip-in");
    EXPECT_EQ(host.out(tcp("203.0.113.10", 5061, "198.51.100.7", 5061, SYN | ACK)), "row sip-in");
    EXPECT_EQ(opener(), PM_IN);
    EXPECT_EQ(host.in(tcp("198.51.100.7", 5061, "203.0.113.10", 5061, PSH | ACK, text("GET /"))),
              "payload-mismatch");
    EXPECT_EQ(host.kernel().flows().size(), 1U);
}

// An entry may be left of a row that the policy no longer has. A flow of another row takes it over.
TEST_F(Sockets, AnEntryThatWasCutGoesToTheOtherOpener) {
    connect("198.51.100.7", 5061);
    const Packet out = tcp("203.0.113.10", 5061, "198.51.100.7", 5061, ACK);
    EXPECT_EQ(host.out(out, live), "row sip-out");
    Policy without = mixed_policy();
    std::erase_if(without.rows, [](const Row &row) { return row.id == "sip-out"; });
    host.apply(without);
    EXPECT_EQ(host.out(out, live), "row sip-in");
    EXPECT_EQ(host.out(out), "row sip-in") << "by its entry";
    EXPECT_EQ(host.kernel().flows().at(0).opener, PM_IN);
}

TEST_F(Sockets, AndForTheIcmpErrorsAboutThem) {
    connect("198.51.100.7");
    const Packet sent = tcp("203.0.113.10", 5061, "198.51.100.7", 40000, ACK);
    const Packet error = icmp_error(address("192.0.2.1"), sent.from, datagram(sent));
    EXPECT_EQ(host.in(error, live), "essential-icmp-error");
    Packet stranger = tcp("203.0.113.10", 5061, "198.51.100.7", 40001, ACK);
    EXPECT_EQ(host.in(icmp_error(address("192.0.2.1"), sent.from, datagram(stranger))),
              "icmp-unrelated");
}

// One record has a row for the packet and enforces; the other has no row and only audits. The
// packet passes under both. It is dropped only if the image of one is used with the mode of the
// other.
TEST(Switching, APacketIsJudgedByOneWholeRecord) {
    Kernel &kernel = Kernel::shared();
    Policy closed = mixed_policy();
    for (Row &row : closed.rows)
        if (row.id == "stun-in") row.source = "partners";  // refused late, by the judge
    const std::uint64_t open = kernel.apply(compile_for_test(mixed_policy()), PM_MODE_ENFORCE);
    const std::uint64_t audited = kernel.apply(compile_for_test(closed), PM_MODE_AUDIT);
    const Bytes bytes = frame(Packet{.from = address("192.0.2.1"),
                                     .to = address("203.0.113.11"),
                                     .transport = Udp{.destination = 3478}});
    std::atomic<bool> done = false;
    std::atomic<std::uint64_t> flips = 0;
    std::thread flipper([&] {
        for (; !done; ++flips) kernel.put_in_force(flips % 2 ? open : audited);
    });
    // Only packets during which the record changed count. On one CPU there are none.
    const int enough = std::thread::hardware_concurrency() > 1 ? 2'000 : 0;
    int raced = 0, dropped = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (raced < enough && std::chrono::steady_clock::now() < deadline) {
        const std::uint64_t before = flips;
        dropped += !kernel.passes(Direction::in, bytes);
        raced += flips != before;
    }
    done = true;
    flipper.join();
    EXPECT_EQ(dropped, 0);
    EXPECT_GE(raced, enough);
    kernel.clear();
}

// The programs fall back by themselves: no process acts, and no new epoch is written.
TEST(Deadline, PastItAPacketIsJudgedByTheFallback) {
    Kernel &kernel = Kernel::shared();
    Policy closed = mixed_policy();
    std::erase_if(closed.rows, [](const Row &row) { return row.id == "stun-in"; });
    const std::uint64_t open = kernel.apply(compile_for_test(mixed_policy()));
    const std::uint64_t pending = kernel.apply(compile_for_test(closed));
    constexpr std::uint64_t hour = 3'600'000'000'000;
    std::uint16_t source = 40000;  // a flow of its own each time
    auto passes = [&] {
        return kernel.passes(
            Direction::in,
            frame(Packet{.from = address("192.0.2.1"),
                         .to = address("203.0.113.11"),
                         .transport = Udp{.source = source++, .destination = 3478}}));
    };
    kernel.set_deadline(pending, boottime_ns() + hour, open);
    EXPECT_FALSE(passes());
    kernel.set_deadline(pending, 1, open);
    EXPECT_TRUE(passes());

    kernel.put_in_force(open);  // the other way round
    kernel.set_deadline(open, boottime_ns() + hour, pending);
    kernel.set_deadline(pending, 0, 0);
    EXPECT_TRUE(passes());
    kernel.set_deadline(open, 1, pending);
    EXPECT_FALSE(passes());
    kernel.clear();
}

}  // namespace
}  // namespace pm::test
