// SPDX-License-Identifier: Apache-2.0
// The form of tests for rows of tests/catalogue.tsv that need one host and some frames. A test is
// named after its row. The policy is mixed_policy().
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
    for (int i = 0; i < end; ++i) all.push_back(static_cast<std::uint8_t>(i));
    return all;
}

class Catalogue : public testing::Test {
protected:
    static constexpr auto in = Direction::in, out = Direction::out;

    // The frame is dropped for this reason, and there are as many flows as before.
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

    // A segment of a connection of row sip-in, from either side.
    std::string client(int flags, Bytes payload = {}, int port = 40000) {
        return host.in(tcp(partner, port, access4, 5061, flags, std::move(payload)));
    }
    std::string server(int flags, Bytes payload = {}, int port = 40000) {
        return host.out(tcp(access4, 5061, partner, port, flags, std::move(payload)));
    }

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

}  // namespace pm::test
