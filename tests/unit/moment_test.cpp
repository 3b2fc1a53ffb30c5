// SPDX-License-Identifier: Apache-2.0
#include "loader/base/moment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/base/clock.h"

namespace pm {
namespace {

constexpr std::uint64_t moment_now = 1'796'083'200'000'000'000;  // 2026-12-01T00:00:00Z

// As history prints it; the fault's message where it is none.
std::string moment(const std::string &text) {
    const auto parsed = parse_moment(text, moment_now);
    return parsed ? time_text(*parsed) : parsed.error().message;
}

TEST(Moment, IsADayATimeOrATimeAgo) {
    EXPECT_EQ(moment("2026-11-30"), "2026-11-30T00:00:00.000Z");
    EXPECT_EQ(moment("2026-11-30T14:00"), "2026-11-30T14:00:00.000Z");
    EXPECT_EQ(moment("2026-11-30 14:00:05"), "2026-11-30T14:00:05.000Z");
    EXPECT_EQ(moment("2024-02-29T23:59:59.250Z"), "2024-02-29T23:59:59.250Z");
    EXPECT_EQ(moment("3d"), "2026-11-28T00:00:00.000Z");
    EXPECT_EQ(moment("90s ago"), "2026-11-30T23:58:30.000Z");
}

TEST(Moment, AnOffsetIsTakenOff) {
    EXPECT_EQ(moment("2026-11-30T14:00+02:00"), "2026-11-30T12:00:00.000Z");
    EXPECT_EQ(moment("2026-11-30T14:00:00-05:30"), "2026-11-30T19:30:00.000Z");
    EXPECT_EQ(moment("1970-01-01T01:00+01:00"), "1970-01-01T00:00:00.000Z");
}

TEST(Moment, OtherTextIsRefused) {
    for (const char *text : {"",
                             "now",
                             "2026-11",
                             "2026-11-31",
                             "2026-02-29",
                             "2026-13-01",
                             "2026-1-1",
                             "20261130",
                             "2026-11-30T",
                             "2026-11-30T24:00",
                             "2026-11-30T14",
                             "2026-11-30T14:60",
                             "2026-11-30T14:00:",
                             "2026-11-30T14:00:05.",
                             "2026-11-30T14:00+2",
                             "2026-11-30T14:00Zx",
                             "1969-12-31",
                             "1970-01-01T00:00+00:01",
                             "3",
                             "3w",
                             "2026-11-30 ago",
                             " 3d",
                             "3d  ago",
                             "+026-11-30",
                             "2026-11-30T-1:00"})
        EXPECT_THAT(moment(text), testing::EndsWith("' is no time")) << text;
}

TEST(Moment, TheFutureIsRefused) {
    EXPECT_EQ(moment("2026-12-01"), "2026-12-01T00:00:00.000Z");
    EXPECT_EQ(moment("2026-12-01T00:00:01"), "'2026-12-01T00:00:01' is later than now");
    EXPECT_EQ(moment("2026-12-01T00:59+01:00"), "2026-11-30T23:59:00.000Z");
}

}  // namespace
}  // namespace pm
