// SPDX-License-Identifier: Apache-2.0
#include "loader/base/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pm {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t year = 31'557'600;  // fail2ban's

// None: a fault. 0: for ever.
std::optional<std::uint64_t> ban_time(const std::string &text) {
    const auto time = parse_ban_time(text);
    return time ? std::optional(time->value_or(0)) : std::nullopt;
}

TEST(Duration, HasOneUnit) {
    EXPECT_EQ(*parse_duration("90s"), 90U);
    EXPECT_EQ(*parse_duration("10m"), 600U);
    EXPECT_EQ(*parse_duration("2h"), 7200U);
    EXPECT_EQ(*parse_duration("3650d"), 315'360'000U);
}

TEST(Duration, IsAtMostTenYears) {
    for (const char *text :
         {"0s", "3651d", "315360001s", "18446744073709551615d", "99999999999999999999999999s"}) {
        const auto time = parse_duration(text);
        ASSERT_FALSE(time) << text;
        EXPECT_THAT(time.error().message, HasSubstr("is not between a second and ten years"));
    }
}

TEST(Duration, OtherTextIsRefused) {
    for (const char *text :
         {"", "s", "1", "-1s", "+1s", "1.5h", "1h30m", " 1s", "1s ", "1w", "1e3s", "0x10s",
          "99999999999999999999999999", "nan", "-99999999999999999999s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
        EXPECT_EQ(bool(parse_ban_time(text)), std::string_view(text) == "-1s") << text;
    }
}

// fail2ban's 10y was longer than ten years here, and nobody was banned.
TEST(BanTime, Fail2bansYearsAreTaken) {
    EXPECT_EQ(ban_time(std::to_string(10 * year) + "s"), 10 * year);
    EXPECT_EQ(ban_time(std::to_string(100 * year) + "s"), 100 * year);
}

TEST(BanTime, MoreThanAHundredYearsAreForEver) {
    for (const char *text :
         {"-1", "-1s", "36601d", "3162240001s", "18446744073709551615s", "18446744073709551616s",
          "213503982334602d", "99999999999999999999999999999999999999999999s"})
        EXPECT_EQ(ban_time(text), 0U) << text;
    EXPECT_EQ(ban_time("36600d"), 3'162'240'000U);
}

TEST(BanTime, NoTimeIsNone) {
    EXPECT_THAT(parse_ban_time("0s").error().message, HasSubstr("'0s' is less than a second"));
}

}  // namespace
}  // namespace pm
