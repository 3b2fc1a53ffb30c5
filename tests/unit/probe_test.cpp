// SPDX-License-Identifier: Apache-2.0
// The frames that the probe programs are asked about, byte for byte.
#include "loader/kernel/probe.h"

#include <gtest/gtest.h>

#include "maps/lookup.h"
#include "policy/judge/question.h"

namespace pm {
namespace {

Question question(const char *from, std::uint16_t from_port, const char *to, std::uint16_t to_port,
                  std::uint8_t transport) {
    Question one;
    one.from = parse_address(from).value();
    one.to = parse_address(to).value();
    one.from_port = from_port;
    one.to_port = to_port;
    one.transport = transport;
    return one;
}

std::string hex(const std::vector<std::uint8_t> &frame, std::size_t from, std::size_t to) {
    std::string text;
    for (std::size_t i = from; i < to && i < frame.size(); ++i) {
        const char *digits = "0123456789abcdef";
        text += digits[frame[i] >> 4];
        text += digits[frame[i] & 15];
    }
    return text;
}

// RFC 1071: the sum over data that contains its right checksum is all ones.
bool sums_up(const std::vector<std::uint8_t> &frame, std::size_t from, std::uint32_t pseudo) {
    std::uint32_t sum = pseudo;
    for (std::size_t i = from; i < frame.size(); i += 2)
        sum += frame[i] << 8 | (i + 1 < frame.size() ? frame[i + 1] : 0);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

TEST(FirstPacket, IsASynForTcp) {
    const auto frame =
        first_packet(question("192.0.2.1", 40000, "198.51.100.7", 443, PM_PROTO_TCP));
    ASSERT_EQ(frame.size(), 54u);
    EXPECT_EQ(hex(frame, 0, 14), "0200000000020200000000010800");
    EXPECT_EQ(hex(frame, 14, 24), "45000028000000004006");
    EXPECT_EQ(hex(frame, 26, 34), "c0000201c6336407");
    EXPECT_EQ(hex(frame, 34, 38), "9c4001bb");
    EXPECT_EQ(frame[47], 0x02);  // SYN alone
    const std::vector<std::uint8_t> header(frame.begin() + 14, frame.begin() + 34);
    EXPECT_TRUE(sums_up(header, 0, 0));
    EXPECT_TRUE(sums_up(frame, 34, 0xc000 + 0x0201 + 0xc633 + 0x6407 + PM_PROTO_TCP + 20));
}

TEST(FirstPacket, IsAnEchoRequestForIcmp) {
    const auto v4 = first_packet(question("192.0.2.1", 7, "198.51.100.7", 0, PM_PROTO_ICMP));
    ASSERT_EQ(v4.size(), 42u);
    EXPECT_EQ(v4[34], 8);
    EXPECT_EQ(hex(v4, 38, 40), "0007");
    EXPECT_TRUE(sums_up(v4, 34, 0));

    const auto v6 = first_packet(question("2001:db8::1", 7, "2001:db8::2", 0, PM_PROTO_ICMPV6));
    ASSERT_EQ(v6.size(), 62u);
    EXPECT_EQ(hex(v6, 12, 22), "86dd6000000000083a40");
    EXPECT_EQ(v6[54], 128);
    EXPECT_TRUE(sums_up(v6, 54, 2 * (0x2001 + 0x0db8) + 1 + 2 + PM_PROTO_ICMPV6 + 8));
}

TEST(FirstPacket, OfIgmpIsWhatIsSentToThatGroup) {
    const auto igmp = [](const char *to) {
        const auto packet = first_packet(question("192.0.2.1", 0, to, 0, 2));
        EXPECT_EQ(hex(packet, 22, 24), "0102") << "it leaves no link";
        EXPECT_EQ(hex(packet, 34, 38), "94040000") << "Router Alert";
        EXPECT_TRUE(sums_up({packet.begin() + 14, packet.begin() + 38}, 0, 0));
        EXPECT_TRUE(sums_up(packet, 38, 0));
        return hex(packet, 38, 40) + " " + hex(packet, 42, 46);
    };
    EXPECT_EQ(igmp("224.0.0.1"), "1164 00000000");
    EXPECT_EQ(igmp("224.0.0.2"), "1700 ef000001");
    EXPECT_EQ(igmp("224.0.0.22"), "2200 00000000");
    EXPECT_EQ(igmp("239.1.2.3"), "1600 ef010203");
}

TEST(FirstPacket, GoesToTheGroupsEthernetAddress) {
    const auto frame = [](const char *to) {
        const char *from =
            std::string_view(to).find(':') == std::string_view::npos ? "192.0.2.1" : "2001:db8::1";
        return hex(first_packet(question(from, 1, to, 5353, PM_PROTO_UDP)), 0, 6);
    };
    EXPECT_EQ(frame("224.0.0.251"), "01005e0000fb");
    EXPECT_EQ(frame("239.128.0.1"), "01005e000001");
    EXPECT_EQ(frame("255.255.255.255"), "ffffffffffff");
    EXPECT_EQ(frame("ff02::fb"), "3333000000fb");
}

}  // namespace
}  // namespace pm
