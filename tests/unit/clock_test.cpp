// SPDX-License-Identifier: Apache-2.0
#include "loader/base/clock.h"

#include <gtest/gtest.h>

#include "loader/base/retry.h"

namespace pm {
namespace {

TEST(Clock, AStampIsKeptByALine) {
    const ClockStamp now = clock_stamp();
    const ClockStamp read = parse_clock(print_clock(now));
    EXPECT_EQ(read.boot, now.boot);
    EXPECT_EQ(read.offset, now.offset);
    EXPECT_EQ(now.boot.size(), 36u);
}

TEST(Clock, AStampOfAnUnknownBootIsAStamp) {
    const ClockStamp read = parse_clock(print_clock({"-", 7}));
    EXPECT_EQ(read.boot, "-");
    EXPECT_EQ(clock_step(read, {"-", 4600}), 0);
}

TEST(Clock, WhatIsNoStampHasNoBoot) {
    for (const char *line :
         {"", "clock", "clock x", "clock x y", "clock x 1 more", "192.0.2.1 1 2"})
        EXPECT_EQ(parse_clock(line).boot, "") << line;
}

TEST(Clock, AStepIsSeenWithinABootOnly) {
    EXPECT_EQ(clock_step({"a", 1000}, {"a", 4600}), 3600);
    EXPECT_EQ(clock_step({"a", 4600}, {"a", 1000}), -3600);
    EXPECT_EQ(clock_step({"a", 1000}, {"a", 1001}), 0);  // rounding
    EXPECT_EQ(clock_step({"a", 1000}, {"b", 4600}), 0);
    EXPECT_EQ(clock_step({"", 1000}, {"", 4600}), 0);
}

TEST(Retry, WaitsUnlessTheCircumstancesAreOthers) {
    Retry retry;
    EXPECT_TRUE(retry.is_due("eth0"));
    retry.failed("eth0");
    EXPECT_FALSE(retry.is_due("eth0"));
    EXPECT_TRUE(retry.is_due("eth1"));
    retry.succeeded();
    EXPECT_TRUE(retry.is_due("eth0"));
}

}  // namespace
}  // namespace pm
