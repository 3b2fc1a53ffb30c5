// SPDX-License-Identifier: Apache-2.0
// The paces of essentials (bpf/pace.h). Floods are sent for real in tests/e2e/flood_test.sh.
#include <gtest/gtest.h>

#include "maps/paces.h"
#include "tests/support/arrays.h"
#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

using Paces = Kernel::Paces;

constexpr int request = 1, reply = 2;                   // ARP
constexpr int solicitation = 135, advertisement = 136;  // of neighbours
constexpr const char *router4 = "203.0.113.1", *other4 = "203.0.113.2";
constexpr const char *router6 = "fe80::1", *other6 = "fe80::2";

void append(Bytes &bytes, const Address &address) {
    const std::size_t size = address.is_v4() ? 4 : 16;
    for (std::size_t i = size; i-- > 0;)
        bytes.push_back(
            static_cast<std::uint8_t>((i < 8 ? address.low : address.high) >> i % 8 * 8));
}

Bytes arp(int operation, const char *sender, const char *target) {
    Bytes body{0, 1, 8, 0, 6, 4, 0, static_cast<std::uint8_t>(operation)};
    body.resize(14);
    append(body, address(sender));
    body.resize(24);
    append(body, address(target));
    return frame(0x0806, body);
}

Bytes discovery(int type, const char *source, const char *destination, const char *target) {
    Icmp message{.type = static_cast<std::uint8_t>(type), .id = 0, .sequence = 0, .body = {}};
    append(message.body, address(target));
    Packet packet = make_packet(source, destination, message);
    packet.hop_limit = 255;
    return frame(packet);
}

class Pace : public testing::Test {
protected:
    ~Pace() override { kernel.clear(); }

    // Not compared with the naive host, which has no paces.
    std::string verdict(Direction direction, const Bytes &frame) {
        const Seen seen = kernel.see(direction, frame);
        return seen.moved.size() == 1 ? to_string(seen.moved[0].verdict, policy)
                                      : "not one counter";
    }
    std::string in(const Bytes &frame) { return verdict(Direction::in, frame); }
    std::string out(const Bytes &frame) { return verdict(Direction::out, frame); }
    // How many of many passed, and not all did.
    int flood(const Bytes &frame) {
        constexpr int many = 50'000;
        int passed = 0;
        for (int i = 0; i < many; ++i) passed += kernel.passes(Direction::in, frame);
        EXPECT_LT(passed, many);
        kernel.take_counters();
        return passed;
    }

    Policy policy = mixed_policy();
    Host host{policy};
    Kernel &kernel = host.kernel();
};

TEST_F(Pace, EssentialsBeyondItAreDropped) {
    Packet report = make_packet("fe80::1", "ff02::16", Icmp{.type = 143});
    report.hop_limit = 1;
    Packet discover = udp("0.0.0.0", 68, "255.255.255.255", 67);
    discover.destination_mac = broadcast_mac;
    const Bytes call = frame(udp(stranger, 5000, av4, 3478));
    const Bytes unreachable = frame(
        icmp_error(address(av4), address(stranger), datagram(udp(stranger, 5000, av4, 3478))));
    const std::vector<std::pair<Direction, Bytes>> essentials = {
        {Direction::in, arp(request, router4, access4)},
        {Direction::in, arp(reply, router4, access4)},
        {Direction::out, arp(request, access4, router4)},
        {Direction::in, discovery(solicitation, router6, "ff02::1:ff00:10", access6)},
        {Direction::in, discovery(advertisement, router6, access6, router6)},
        {Direction::out, discovery(solicitation, access6, "ff02::1:ff00:1", router6)},
        {Direction::in, frame(report)},
        {Direction::in, frame(0x8809, {1, 1}, slow_mac)},
        {Direction::out, frame(discover)},
        {Direction::out, unreachable},
    };
    kernel.set_paces(Paces::on);
    EXPECT_EQ(in(call), "row stun-in");
    for (const auto &[direction, bytes] : essentials)
        EXPECT_TRUE(verdict(direction, bytes).starts_with("essential-"));
    kernel.clear();
    EXPECT_EQ(in(call), "row stun-in");
    kernel.set_paces(Paces::full);
    for (const auto &[direction, bytes] : essentials)
        EXPECT_EQ(verdict(direction, bytes), "rate-limited");
}

TEST_F(Pace, AFloodOfOneKindTakesNothingFromAnother) {
    kernel.set_paces(Paces::on);
    EXPECT_GE(flood(arp(request, other4, router4)), PM_ESSENTIAL_BURST);
    EXPECT_EQ(out(arp(reply, access4, router4)), "essential-arp");
    EXPECT_EQ(in(discovery(solicitation, router6, access6, access6)), "essential-neighbour");
}

// Fewer than the stack has room for in its table of neighbours.
TEST_F(Pace, QuestionsForThisHostHaveAPaceOfTheirOwn) {
    kernel.set_paces(Paces::on);
    const int arps = flood(arp(request, other4, access4));
    EXPECT_GE(arps, PM_QUESTION_BURST);
    EXPECT_LT(arps, PM_ESSENTIAL_BURST);
    EXPECT_EQ(in(arp(request, other4, router4)), "essential-arp") << "a question for others";
    kernel.set_paces(Paces::on);
    const int solicitations = flood(discovery(solicitation, other6, "ff02::1:ff00:10", access6));
    EXPECT_GE(solicitations, PM_QUESTION_BURST);
    EXPECT_LT(solicitations, PM_ESSENTIAL_BURST);
    EXPECT_EQ(in(discovery(advertisement, other6, access6, other6)), "essential-neighbour");
}

TEST_F(Pace, WhomThisHostAsksForIsHeardInAFlood) {
    kernel.set_paces(Paces::on);
    EXPECT_EQ(out(arp(request, access4, router4)), "essential-arp");
    EXPECT_EQ(out(discovery(solicitation, access6, "ff02::1:ff00:1", router6)),
              "essential-neighbour");
    kernel.set_paces(Paces::full);
    EXPECT_EQ(in(arp(reply, router4, access4)), "essential-arp");
    EXPECT_EQ(in(arp(request, router4, access4)), "essential-arp");
    EXPECT_EQ(in(arp(reply, other4, access4)), "rate-limited");
    EXPECT_EQ(in(discovery(advertisement, router6, access6, router6)), "essential-neighbour");
    EXPECT_EQ(in(discovery(advertisement, access6, access6, router6)), "essential-neighbour")
        << "an answer may come from another address of the neighbour";
    EXPECT_EQ(in(discovery(solicitation, router6, access6, access6)), "essential-neighbour");
    EXPECT_EQ(in(discovery(advertisement, router6, access6, other6)), "rate-limited");
    EXPECT_EQ(in(discovery(solicitation, other6, access6, access6)), "rate-limited");
    kernel.age(PM_TIMEOUT_NEIGHBOUR + 11);
    EXPECT_EQ(in(arp(reply, router4, access4)), "rate-limited");
    EXPECT_EQ(in(discovery(advertisement, router6, access6, router6)), "rate-limited");
}

TEST_F(Pace, WhatComesInMakesNobodyANeighbour) {
    kernel.set_paces(Paces::on);
    EXPECT_EQ(in(arp(request, other4, access4)), "essential-arp");
    EXPECT_EQ(out(arp(reply, access4, other4)), "essential-arp");
    EXPECT_EQ(in(discovery(solicitation, other6, access6, access6)), "essential-neighbour");
    kernel.set_paces(Paces::full);
    EXPECT_EQ(in(arp(reply, other4, access4)), "rate-limited");
    EXPECT_EQ(in(discovery(advertisement, other6, access6, other6)), "rate-limited");
}

TEST_F(Pace, ANeighbourHasAPaceToo) {
    kernel.set_paces(Paces::on);
    EXPECT_EQ(out(arp(request, access4, router4)), "essential-arp");
    kernel.set_paces(Paces::full);
    EXPECT_GE(flood(arp(reply, router4, access4)), PM_NEIGHBOUR_BURST);
}

// What a guest of this host sends takes no turn of this host's own, and whom it asks for is no
// neighbour of this host.
TEST_F(Pace, OfGuestsIsTheirOwn) {
    const Context handed_over = {.came_in_on = 7};
    const Bytes question = arp(request, access4, router4), answer = arp(reply, router4, access4);
    const auto guest_asks = [&] {
        return kernel.see(Direction::out, question, handed_over).passed;
    };
    EXPECT_TRUE(guest_asks());
    kernel.set_paces(Paces::full);
    kernel.take_counters();
    EXPECT_EQ(in(answer), "rate-limited");
    EXPECT_FALSE(guest_asks());
    kernel.set_paces(Paces::on);
    int passed = 0;
    for (int i = 0; i < 20'000; ++i) passed += guest_asks();
    EXPECT_LT(passed, 20'000);
    for (int i = 0; i < 50; ++i)  // at once: a pace that is used up has a turn each 250 us
        EXPECT_TRUE(kernel.passes(Direction::out, question)) << i;
    kernel.take_counters();
    kernel.set_paces(Paces::full);
    EXPECT_EQ(in(answer), "essential-arp");
}

}  // namespace
}  // namespace pm::test
