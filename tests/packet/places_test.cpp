// SPDX-License-Identifier: Apache-2.0
// A host is what its address says (bpf/place.h): what comes in for another is not admitted, and
// what another device handed over is judged as this host's only if it has its address. Which
// addresses the host has: own_addresses_of_test().
#include <net/if.h>

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/packet/sockets.h"
#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"
#include "tests/support/policy_builder.h"

namespace pm::test {
namespace {

constexpr const char *unlisted = "11.0.0.1", *container = "172.17.0.2", *elsewhere = "199.0.0.1";
constexpr World handed_over = {.came_in_on = 7};

// Whatever addresses the interface has.
Policy interface_policy() {
    PolicyBuilder b;
    b.interface_role("edge").any_peers("public");
    b.failsafe("ssh", {PM_PROTO_TCP}, "public", "edge", {{22, 22}});
    b.row("stun-in", {PM_PROTO_UDP}, "public", "edge", {{3478, 3478}});
    b.row("sip-in", {PM_PROTO_TCP}, "public", "edge", {{5061, 5061}});
    return b.policy;
}

Packet later_part(const char *source, const char *destination) {
    Packet packet = make_packet(source, destination, stun_header_at(8));
    packet.protocol = PM_PROTO_UDP;
    packet.fragment = Fragment{8, false, 7, 16};
    return packet;
}

TEST(Places, OfARoleThatIsTheInterface) {
    Host host(interface_policy());
    EXPECT_EQ(host.in(udp(stranger, 40000, unlisted, 3478)), "row stun-in");
    EXPECT_EQ(host.in(udp(stranger, 40000, elsewhere, 3478)), "forwarded");
    EXPECT_EQ(host.in(tcp(stranger, 40000, unlisted, 5061, SYN)), "row sip-in");
    EXPECT_EQ(host.in(tcp(stranger, 40000, elsewhere, 5061, SYN)), "forwarded");
    EXPECT_EQ(host.in(udp(partner6, 40000, "2001:db8:77::1", 3478)), "row stun-in");
    EXPECT_EQ(host.in(udp(partner6, 40000, "2001:db9::1", 3478)), "forwarded");
    EXPECT_EQ(host.in(udp(stranger, 40000, "198.18.0.1", 3478)), "row stun-in")
        << "the host forwards nothing there";
    EXPECT_EQ(host.in(tcp(stranger, 40000, elsewhere, 22, SYN)), "row ssh") << "it is failsafe";
    EXPECT_EQ(host.in(later_part(stranger, unlisted)), "essential-fragment");
    EXPECT_EQ(host.in(later_part(stranger, elsewhere)), "forwarded");
}

void set_forwarding(const std::string &device, bool on) {
    const std::string file = "/proc/sys/net/ipv4/conf/" + device + "/forwarding";
    ASSERT_EQ(std::system(("echo " + std::string(on ? "1 > " : "0 > ") + file).c_str()), 0);
}

// It is asked of the device that the policy names, whichever one the program runs on.
TEST(Places, WhatTheHostWouldRouteOnMatchesNoRow) {
    ip("link add pm-fwd0 type veth peer name pm-fwd1");
    ip("link set pm-fwd0 up");
    ip("link set pm-fwd1 up");
    ip("route add 203.0.113.10/32 dev pm-fwd0");
    Host host(mixed_policy());
    EXPECT_EQ(host.in(sip()), "row sip-in") << "forwarding is off";
    host.wait(130);
    set_forwarding("pm-fwd1", true);
    EXPECT_EQ(host.in(sip()), "row sip-in") << "it is not of that device";
    host.wait(130);
    host.kernel().name_device(if_nametoindex("pm-fwd1"));
    EXPECT_EQ(host.in(sip(), {.routed = true}), "forwarded");
    host.kernel().name_device(0);
    EXPECT_EQ(host.in(sip()), "row sip-in") << "then that of the packet is asked";
    host.wait(130);
    host.kernel().name_device();
    ip("route add 203.0.113.11/32 dev pm-fwd0");
    set_forwarding("all", true);
    EXPECT_EQ(host.in(stun_in(), {.routed = true}), "row stun-in") << "it is this host's";
    EXPECT_EQ(host.in(sip(), {.routed = true}), "forwarded");
    set_forwarding("all", false);
    ip("link delete pm-fwd0");
}

TEST(Places, WhatNatOrARelayHandsOverIsThisHosts) {
    Host host(mixed_policy());
    EXPECT_EQ(host.out(udp(av4, 50000, stranger, 3478), handed_over), "row relay-out");
    EXPECT_EQ(host.in(stun_in()), "row stun-in");
    EXPECT_EQ(host.out(udp(av4, 3478, "198.51.100.7", 40000), handed_over), "row stun-in");
    EXPECT_EQ(host.out(udp(av4, 1234, stranger, 1234), handed_over), "no-service");
}

TEST(Places, WhatHasNoAddressOfThisHostIsNot) {
    Host host(mixed_policy());
    EXPECT_EQ(host.out(udp(container, 50000, stranger, 3478), handed_over), "forwarded");
    EXPECT_EQ(host.out(udp(unlisted, 50000, stranger, 3478), handed_over), "forwarded")
        << "the policy does not list it";
    EXPECT_EQ(host.out(udp(access4, 3478, stranger, 53), handed_over), "forwarded")
        << "the host has it not";
    EXPECT_EQ(host.out(udp("10.9.0.10", 3478, stranger, 53), handed_over), "forwarded")
        << "it may have been bridged";
    EXPECT_EQ(host.out(udp(av6, 50000, partner6, 3478), handed_over), "forwarded")
        << "no stack has checked its source";
    EXPECT_EQ(host.out(udp(av6, 50000, partner6, 3478)), "row relay-out");
    host.wait(130);
    Policy policy = mixed_policy();
    policy.handed_over_ipv6 = true;
    host.apply(policy);
    EXPECT_EQ(host.out(udp(av6, 50000, partner6, 3478), handed_over), "row relay-out");
    EXPECT_EQ(host.out(udp("2001:db8:10::99", 50000, partner6, 3478), handed_over), "forwarded");
}

Packet dhcp_request(const char *source) {
    return udp(source, 68, "255.255.255.255", 67);
}

TEST(Places, EssentialsOfTheLinkAreJudgedByTheirOwnRules) {
    Host host(mixed_policy());
    Packet solicitation = make_packet("fe80::1", "ff02::1", Icmp{.type = 135});
    solicitation.hop_limit = 255;
    Packet listener = make_packet("fe80::1", "ff02::16", Icmp{.type = 143});
    listener.hop_limit = 1;
    Packet report = make_packet(container, "239.1.2.3", Raw{2, {0x16, 0, 0, 0, 239, 1, 2, 3}});
    report.hop_limit = 1;
    report.options = {148, 4, 0, 0};
    EXPECT_EQ(host.out(frame(Arp{}), handed_over), "essential-arp");
    EXPECT_EQ(host.out(frame(Arp{.operation = 3}), handed_over), "malformed-essential");
    EXPECT_EQ(host.out(solicitation, handed_over), "essential-neighbour");
    EXPECT_EQ(host.out(listener, handed_over), "essential-multicast");
    EXPECT_EQ(host.out(report, handed_over), "essential-multicast");
    EXPECT_EQ(host.out(echo_request(container, partner), handed_over), "forwarded");
    EXPECT_EQ(host.out(echo_request("fe80::1", partner6), handed_over), "forwarded");
}

// Nor does what a guest asks make answers to this host's own client essential.
TEST(Places, AGuestsDhcpIsNotThisHosts) {
    Host host(mixed_policy());
    EXPECT_EQ(host.out(dhcp_request("0.0.0.0"), handed_over), "forwarded");
    EXPECT_EQ(host.out(dhcp_request(av4), handed_over), "no-service");
    EXPECT_EQ(host.in(udp("203.0.113.1", 67, "255.255.255.255", 68)), "no-service");
    EXPECT_EQ(host.out(dhcp_request("0.0.0.0")), "essential-dhcp");
}

}  // namespace
}  // namespace pm::test
