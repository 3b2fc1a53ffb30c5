// SPDX-License-Identifier: Apache-2.0
// Every reason and every essential is met, each by its plainest packet; and the mode, the bytes
// and the packets that are counted.
#include <functional>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/edge_packets.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {
namespace {

constexpr auto in = Direction::in, out = Direction::out;

// As which verdict the kernel counted a frame, for tests that ask the kernel alone.
std::string verdict_of(const Seen &seen, const Policy &policy) {
    return seen.moved.size() == 1 ? to_string(seen.moved.front().verdict, policy)
                                  : std::to_string(seen.moved.size()) + " counters moved";
}

std::string without_policy() {
    Kernel &kernel = Kernel::shared();
    kernel.apply_no_image();
    return verdict_of(kernel.see(in, frame(sip())), {});
}

Policy with_row(const std::string &id, const std::function<void(Row &)> &change) {
    Policy policy = mixed_policy();
    for (Row &row : policy.rows)
        if (row.id == id) change(row);
    return policy;
}

std::string mixed_in(const Packet &packet) {
    return Host(mixed_policy()).in(packet);
}

// Reasons that no test packet reaches, and why. If one is reached after all, the test fails.
const std::map<std::string, std::string> unreached = {
    {"flow-table-full", "an LRU table takes every flow; only a race on its last entry refuses one"},
};

const std::map<std::string, std::function<std::string()>> plainest = {
    {"no-service", [] { return mixed_in(sip(Tcp{.destination = 25})); }},
    {"no-row", [] { return mixed_in(make_packet("192.0.2.1", "203.0.113.10", Icmp{})); }},
    {"no-role", [] { return mixed_in(make_packet("198.51.100.7", "203.0.113.12")); }},
    {"blocked", [] { return mixed_in(make_packet("198.51.100.66", "203.0.113.10")); }},
    {"banned",
     [] {
         Host host(mixed_policy());
         host.ban(addresses({"198.51.100.0/24"}));
         return host.in(sip());
     }},
    {"malformed-ethernet",
     [] {
         return Host(mixed_policy()).in(frame(0x0800, datagram(sip()), host_mac, multicast_mac));
     }},
    {"malformed-ip", [] { return Host(mixed_policy()).in(frame(0x0800, Bytes(19, 0x45))); }},
    {"malformed-l4", [] { return mixed_in(sip(Tcp{.header_words = 4})); }},
    {"bad-tcp-flags", [] { return mixed_in(sip(Tcp{.flags = SYN | FIN})); }},
    {"not-first-packet", [] { return mixed_in(sip(Tcp{.flags = ACK})); }},
    {"fragment-unknown",
     [] {
         Packet later = stun_in();
         later.to = address("203.0.113.12");
         later.fragment = Fragment{.offset = 8};
         return mixed_in(later);
     }},
    {"fragment-refused",
     [] {
         Policy policy = mixed_policy();
         policy.fragments_drop = true;
         Packet first = stun_in();
         first.fragment = Fragment{.more = true, .length = 8};
         return Host(policy).in(first);
     }},
    {"own-address-spoofed", [] { return mixed_in(make_packet("203.0.113.10", "203.0.113.11")); }},
    {"bad-source-address", [] { return mixed_in(make_packet("127.0.0.1", "203.0.113.10")); }},
    {"bad-destination-address", [] { return mixed_in(make_packet("198.51.100.7", "127.0.0.1")); }},
    {"unsupported-ethertype", [] { return Host(mixed_policy()).in(frame(0x88cc, Bytes(46))); }},
    {"unsupported-protocol", [] { return mixed_in(sip(Raw{132})); }},
    {"unsupported-icmp", [] { return mixed_in(sip(Icmp{.type = 13})); }},
    {"extension-headers",
     [] {
         Packet routed = make_packet("2001:db8:20::7", "2001:db8:10::10");
         routed.extensions = {{43}};
         return mixed_in(routed);
     }},
    {"icmp-unrelated", [] { return mixed_in(sip(Icmp{.type = 3, .body = Bytes(28)})); }},
    {"rate-limited",
     [] {
         Policy policy = with_row(
             "stun-in", [](Row &row) { row.limit = {.flows = 1, .per_seconds = 60, .burst = 1}; });
         Packet other = stun_in();
         std::get<Udp>(other.transport).source = 40001;
         Host host(policy);
         EXPECT_EQ(host.in(stun_in()), "row stun-in");
         return host.in(other);
     }},
    {"payload-mismatch",
     [] {
         Policy policy = with_row("stun-in", [](Row &row) {
             row.check = {.payload = Check::Payload::stun, .drop = true};
         });
         return Host(policy).in(stun_in());
     }},
    {"forwarded", [] { return Host(mixed_policy()).out(frame(sip()), {.came_in_on = 7}); }},
    {"malformed-essential", [] { return Host(mixed_policy()).in(frame(Arp{.operation = 3})); }},
    {"no-policy", without_policy},
    {"essential-arp", [] { return Host(mixed_policy()).in(frame(Arp{})); }},
    {"essential-neighbour",
     [] {
         Packet advertisement = make_packet("fe80::1", "ff02::1", Icmp{.type = 136});
         advertisement.hop_limit = 255;
         return mixed_in(advertisement);
     }},
    {"essential-multicast",
     [] {
         Packet report = make_packet("fe80::1", "ff02::16", Icmp{.type = 143});
         report.hop_limit = 1;
         return mixed_in(report);
     }},
    {"essential-lacp",
     [] {
         return Host(mixed_policy()).in(frame(0x8809, {1, 1}, slow_mac));
     }},
    {"essential-dhcp",
     [] {
         return Host(mixed_policy())
             .out(make_packet("0.0.0.0", "255.255.255.255", Udp{.source = 68, .destination = 67}));
     }},
    {"essential-icmp-error",
     [] {
         Host host(mixed_policy());
         EXPECT_EQ(host.in(sip()), "row sip-in");
         Packet answer = tcp(access4, 5061, partner, 40000, SYN | ACK);
         return host.in(icmp_error(address("192.0.2.1"), answer.from, datagram(answer)));
     }},
    {"essential-fragment",
     [] {
         Packet later = stun_in();
         later.fragment = Fragment{.offset = 8};
         return mixed_in(later);
     }},
};

TEST(Reasons, EachIsMetByItsPlainestPacket) {
    std::set<std::string> known;
    for (std::span<const Named> all : {reasons(), essentials()})
        for (const Named &named : all) known.insert(named.label);
    for (const std::string &label : known) {
        auto example = plainest.find(label);
        if (example == plainest.end())
            EXPECT_TRUE(unreached.contains(label)) << "no packet meets '" << label << "'";
        else
            EXPECT_EQ(example->second(), label);
    }
    for (const auto &[label, why] : unreached) {
        EXPECT_TRUE(known.contains(label)) << "there is no reason '" << label << "'";
        EXPECT_FALSE(plainest.contains(label)) << "'" << label << "' is reached after all";
    }
}

TEST(Modes, AuditDropsNothingAndCountsWhatItWould) {
    Kernel &kernel = Kernel::shared();
    kernel.apply(compile_for_test(mixed_policy()), PM_MODE_AUDIT);
    kernel.clear();
    Seen seen = kernel.see(in, frame(sip(Tcp{.destination = 25})));
    EXPECT_TRUE(seen.passed);
    EXPECT_EQ(seen.moved, (std::vector<Moved>{{drop(PM_DROP_NO_SERVICE), 1, 40, true}}));
    seen = kernel.see(in, frame(sip()));
    EXPECT_TRUE(seen.passed);
    EXPECT_EQ(seen.moved, (std::vector<Moved>{{row(1), 1, 40, false}}));
}

TEST(Modes, OffPassesAndCountsNothing) {
    Kernel &kernel = Kernel::shared();
    kernel.apply(compile_for_test(mixed_policy()), PM_MODE_OFF);
    kernel.clear();
    for (Direction direction : {in, out}) {
        Seen seen = kernel.see(direction, frame(sip(Tcp{.destination = 25})));
        EXPECT_TRUE(seen.passed);
        EXPECT_TRUE(seen.moved.empty());
    }
}

TEST(Counting, AGsoPacketCountsAsWhatLeavesTheWire) {
    Kernel &kernel = Kernel::shared();
    kernel.apply(compile_for_test(mixed_policy()));
    kernel.clear();
    const std::uint32_t payload = 3 * 1000, headers = 14 + 20 + 20;
    Packet large = make_packet("203.0.113.10", "198.51.100.7", Tcp{.payload = Bytes(payload, 1)});
    Context context{.gso_segments = 3, .gso_size = 1000, .wire_length = payload + 3 * headers};
    Seen seen = kernel.see(out, frame(large), context);
    EXPECT_TRUE(seen.passed);
    EXPECT_EQ(seen.moved, (std::vector<Moved>{{row(3), 3, payload + 3 * (headers - 14), false}}));
}

TEST(Counting, CountersGoOnBeyond32Bits) {
    Kernel &kernel = Kernel::shared();
    kernel.apply(compile_for_test(mixed_policy()));
    kernel.clear();
    for (std::uint64_t before : {(std::uint64_t{1} << 32) - 1, ~std::uint64_t{0} - 1}) {
        kernel.set_counters(before);
        EXPECT_EQ(kernel.see(in, frame(stun_in())).moved.size(), 1U);
        const Seen seen = kernel.see(in, frame(sip(Tcp{.destination = 25})));
        EXPECT_EQ(seen.moved, (std::vector<Moved>{{drop(PM_DROP_NO_SERVICE), 1, 40, false}}));
    }
    kernel.clear();
}

TEST(Counting, AFlowIsCountedOnceOnItsRow) {
    Host host(mixed_policy());
    for (int i = 0; i < 5; ++i) EXPECT_EQ(host.in(stun_in()), "row stun-in");
    std::vector<pm_flow> flows = host.kernel().flows();
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].packets[PM_IN], 5U);
    EXPECT_EQ(flows[0].bytes[PM_IN], 5U * 36);
    EXPECT_EQ(flows[0].packets[PM_OUT], 0U);
    EXPECT_EQ(flows[0].opener, PM_IN);
}

}  // namespace
}  // namespace pm::test
