// SPDX-License-Identifier: Apache-2.0
// The rows of tests/catalogue.tsv that one host and some frames can tell: a test is named after
// its row. The policy is mixed_policy().
#pragma once

#include "tests/packet/cases.h"

namespace pm::test {

inline std::vector<std::uint8_t> octets(std::initializer_list<int> all) {
    return {all.begin(), all.end()};
}
inline std::vector<std::uint16_t> numbers(std::initializer_list<int> all) {
    return {all.begin(), all.end()};
}
inline std::vector<std::uint8_t> up_to(int end) {
    std::vector<std::uint8_t> all;
    for (int i = 0; i < end; i++) all.push_back(static_cast<std::uint8_t>(i));
    return all;
}

class Catalogue : public testing::Test {
protected:
    static constexpr auto in = Direction::in, out = Direction::out;

    // The reason, and no flow more or less than before.
    void dropped(const std::string &reason, const Bytes &bytes, Direction direction = in) {
        const std::size_t before = host.kernel().flows().size();
        EXPECT_EQ(send(bytes, direction), reason);
        EXPECT_EQ(host.kernel().flows().size(), before);
    }
    void dropped(const std::string &reason, const Packet &packet, Direction direction = in) {
        dropped(reason, frame(packet), direction);
    }
    void passed(const std::string &row, const Bytes &bytes, Direction direction = in) {
        EXPECT_EQ(send(bytes, direction), row);
    }
    void passed(const std::string &row, const Packet &packet, Direction direction = in) {
        passed(row, frame(packet), direction);
    }
    std::size_t flows() { return host.kernel().flows().size(); }

    static Packet tcp(const char *source, int source_port, const char *destination, int port,
                      int flags, Bytes payload = {}) {
        return from(source, destination,
                    Tcp{.source = static_cast<std::uint16_t>(source_port),
                        .destination = static_cast<std::uint16_t>(port),
                        .flags = static_cast<std::uint8_t>(flags),
                        .payload = std::move(payload)});
    }
    static Packet udp(const char *source, int source_port, const char *destination, int port,
                      Bytes payload = Bytes(8, 0x55)) {
        return from(source, destination,
                    Udp{.source = static_cast<std::uint16_t>(source_port),
                        .destination = static_cast<std::uint16_t>(port),
                        .payload = std::move(payload)});
    }
    static Packet echo(const char *source, const char *destination, int type, int id = 77) {
        return from(
            source, destination,
            Icmp{.type = static_cast<std::uint8_t>(type), .id = static_cast<std::uint16_t>(id)});
    }
    // The datagram of row stun-in, and its IPv6 twin.
    static Packet stun_in() { return from("198.51.100.7", "203.0.113.11", Udp{}); }
    static Packet stun_in6() { return from("2001:db8:20::7", "2001:db8:10::11", Udp{}); }

    static Packet part(Packet packet, std::uint16_t offset, bool more, std::size_t length = 65535) {
        packet.fragment = Fragment{.offset = offset, .more = more, .length = length};
        return packet;
    }

    Host host{mixed_policy()};

private:
    std::string send(const Bytes &bytes, Direction direction) {
        EXPECT_TRUE(Kernel::can_run(direction, bytes));
        return direction == in ? host.in(bytes) : host.out(bytes);
    }
};

inline constexpr const char *access4 = "203.0.113.10", *av4 = "203.0.113.11",
                            *partner = "198.51.100.7", *stranger = "192.0.2.7";
inline constexpr const char *access6 = "2001:db8:10::10", *partner6 = "2001:db8:20::7";

}  // namespace pm::test
