// SPDX-License-Identifier: Apache-2.0
// Captured frames as people read them, whole and cut off anywhere.
#include "loader/observe/dissect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pm {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes one, const Bytes &other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

const Bytes macs = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
const Bytes v4 = {0x08, 0x00, 0x45, 0,   0, 40, 0,  0,   0, 0,   64,
                  6,    0,    0,    192, 0, 2,  66, 203, 0, 113, 10};
const Bytes tcp_header = {0x9c, 0x40, 0x13, 0xc5, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x12};

TEST(Dissect, TcpOverIpv4) {
    const Dissection one = dissect(macs + v4 + tcp_header);
    EXPECT_EQ(one.protocol, "tcp");
    EXPECT_EQ(to_string(*one.source), "192.0.2.66");
    EXPECT_EQ(to_string(*one.destination), "203.0.113.10");
    EXPECT_EQ(one.source_port, 40000);
    EXPECT_EQ(one.destination_port, 5061);
    EXPECT_EQ(one.tcp_flags, "SYN,ACK");
    EXPECT_FALSE(one.fragment_offset);
}

TEST(Dissect, IpHeadersThatAreLongerShiftThePorts) {
    Bytes longer = v4;
    longer[2] = 0x46;
    const Dissection one = dissect(macs + longer + Bytes{1, 1, 1, 1} + tcp_header);
    EXPECT_EQ(one.source_port, 40000);
}

TEST(Dissect, ALaterFragmentHasNoPorts) {
    Bytes fragment = v4;
    fragment[8] = 0x20;
    fragment[9] = 0x02;
    const Dissection one = dissect(macs + fragment + tcp_header);
    EXPECT_EQ(one.fragment_offset, 16u);
    EXPECT_FALSE(one.source_port);
    EXPECT_EQ(one.protocol, "tcp");
}

TEST(Dissect, VlanTagsAreNamedOutermostFirst) {
    const Dissection one =
        dissect(macs + Bytes{0x88, 0xa8, 0, 100, 0x81, 0x00, 0, 7} + v4 + tcp_header);
    EXPECT_THAT(one.vlans, testing::ElementsAre(100, 7));
    EXPECT_EQ(one.destination_port, 5061);
}

TEST(Dissect, Ipv6ThroughItsExtensionHeaders) {
    Bytes v6 = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 60, 64};
    v6 = v6 + Bytes{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    v6 = v6 + Bytes{0x20, 1, 0x0d, 0xb8, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
    const Bytes options = {58, 0, 1, 4, 0, 0, 0, 0};
    const Dissection one = dissect(macs + v6 + options + Bytes{128, 0, 0, 0});
    EXPECT_EQ(one.protocol, "icmpv6");
    EXPECT_EQ(to_string(*one.source), "2001:db8::7");
    EXPECT_EQ(one.icmp_type, 128);
    EXPECT_EQ(one.icmp_code, 0);
}

TEST(Dissect, ArpNamesWhoAsksForWhom) {
    const Dissection one =
        dissect(macs + Bytes{8, 6,   0, 1, 8,  0, 6, 4, 0, 1, 2, 0,   0, 0,   0,
                             2, 192, 0, 2, 66, 0, 0, 0, 0, 0, 0, 203, 0, 113, 10});
    EXPECT_EQ(one.protocol, "arp");
    EXPECT_EQ(to_string(*one.source), "192.0.2.66");
    EXPECT_EQ(to_string(*one.destination), "203.0.113.10");
}

TEST(Dissect, WhatIsNoIpIsNamedByItsType) {
    EXPECT_EQ(dissect(macs + Bytes{0x88, 0xcc, 1, 2}).protocol, "0x88cc");
    EXPECT_EQ(dissect({}).protocol, "");
}

TEST(Dissect, NoCutReadsBeyondTheEnd) {
    const Bytes whole = macs + Bytes{0x81, 0x00, 0, 100} + v4 + tcp_header;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        const Dissection one = dissect(part);
        EXPECT_EQ(one.source_port.has_value(), size >= 16 + 22 + 4 - 0u) << size;
        EXPECT_EQ(one.tcp_flags.empty(), size < whole.size()) << size;
    }
}

}  // namespace
}  // namespace pm
