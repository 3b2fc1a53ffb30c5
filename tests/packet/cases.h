// SPDX-License-Identifier: Apache-2.0
// One packet, one verdict: the form of the tests of what needs no packet before it. The policy
// is mixed_policy().
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {

struct Case {
    std::string name;
    Direction direction;
    Bytes bytes;
    std::string verdict;
};

inline void PrintTo(const Case &it, std::ostream *to) {
    *to << it.name;
}

class OnePacket : public testing::TestWithParam<Case> {
protected:
    void expect_verdict() {
        const Case &it = GetParam();
        ASSERT_TRUE(Kernel::can_run(it.direction, it.bytes));
        Host host(mixed_policy());
        EXPECT_EQ(it.direction == Direction::in ? host.in(it.bytes) : host.out(it.bytes),
                  it.verdict);
    }
};

inline std::string name_of(const testing::TestParamInfo<Case> &info) {
    return info.param.name;
}

inline Packet from(const char *source, const char *destination, Transport transport = Tcp{}) {
    return {.from = address(source), .to = address(destination), .transport = transport};
}

// The packet of row sip-in, to be broken.
inline Packet sip(Transport transport = Tcp{}) {
    return from("198.51.100.7", "203.0.113.10", transport);
}
inline Packet sip6(Transport transport = Tcp{}) {
    return from("2001:db8:20::7", "2001:db8:10::10", transport);
}

template <class Change>
Bytes with(Packet packet, Change change) {
    change(packet);
    return frame(packet);
}

}  // namespace pm::test
