// SPDX-License-Identifier: Apache-2.0
// The form of tests with one packet and one verdict, for what needs no packet before it. The policy
// is mixed_policy().
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/edge_packets.h"
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

template <typename Change>
Bytes with(Packet packet, Change change) {
    change(packet);
    return frame(packet);
}

}  // namespace pm::test
