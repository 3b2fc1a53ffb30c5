// SPDX-License-Identifier: Apache-2.0
#include "policy/model/bans.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

#include "policy/image/ban_image.h"
#include "policy/image/compile.h"

namespace pm {
namespace {

constexpr std::uint64_t now = 1'700'000'000, boot = 5'000'000'000;  // s, ns

Ban ban(const char *prefix, std::optional<std::uint64_t> expires = {}) {
    return {parse_prefix(prefix).value(), now, expires};
}

// Until when an address is banned, by the look-up that the programs use.
class Bans {
public:
    explicit Bans(const std::vector<Ban> &bans) : image_(compile_bans(bans, now, boot).value()) {}
    std::uint64_t until(const char *address) const { return until(parse_address(address).value()); }
    std::uint64_t until(const Address &address) const {
        const pm_addr abi = address.abi();
        return pm_banned_until(image_.view(), &abi);
    }

private:
    ImageView image_;
};

constexpr std::uint64_t never = ~std::uint64_t{0};

TEST(Bans, HoldWhatTheyNameAndNothingElse) {
    const Bans bans({ban("198.51.100.0/24"), ban("2001:db8::/32", now + 10), ban("203.0.113.7")});
    EXPECT_EQ(bans.until("198.51.100.0"), never);
    EXPECT_EQ(bans.until("198.51.100.255"), never);
    EXPECT_EQ(bans.until("198.51.99.255"), 0u);
    EXPECT_EQ(bans.until("198.51.101.0"), 0u);
    EXPECT_EQ(bans.until("203.0.113.7"), never);
    EXPECT_EQ(bans.until("203.0.113.8"), 0u);
    EXPECT_EQ(bans.until("2001:db8::"), boot + 10'000'000'000);
    EXPECT_EQ(bans.until("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), boot + 10'000'000'000);
    EXPECT_EQ(bans.until("2001:db9::"), 0u);
}

TEST(Bans, AShortBanHidesNoLongerOneAroundIt) {
    const Bans bans({ban("198.51.100.0/24", now + 100), ban("198.51.100.7", now + 5),
                     ban("198.51.100.8", now + 500)});
    EXPECT_EQ(bans.until("198.51.100.7"), boot + 100'000'000'000);
    EXPECT_EQ(bans.until("198.51.100.8"), boot + 500'000'000'000);
    EXPECT_EQ(bans.until("198.51.100.9"), boot + 100'000'000'000);
}

TEST(Bans, AreReadBackFromTheImage) {
    const std::vector<Ban> bans{ban("198.51.100.0/24", now + 100), ban("198.51.100.7"),
                                ban("2001:db8::/32", now + 10)};
    const ImageView image(compile_bans(bans, now, boot).value());
    const auto ranges = banned_ranges(image.view());
    ASSERT_EQ(ranges.size(), 4u);
    EXPECT_EQ(to_string(ranges[0].range), "198.51.100.0-198.51.100.6");
    EXPECT_EQ(ranges[0].until, boot + 100'000'000'000);
    EXPECT_EQ(to_string(ranges[1].range), "198.51.100.7");
    EXPECT_EQ(ranges[1].until, never);
    EXPECT_EQ(to_string(ranges[2].range), "198.51.100.8-198.51.100.255");
    EXPECT_EQ(to_string(ranges[3].range), "2001:db8::/32");
    const ImageView all(
        compile_bans({ban("2001:db8::/32"), ban("128.0.0.0/8")}, now, boot).value());
    EXPECT_EQ(banned_ranges(all.view()).size(), 2u);
}

// What one list bans longer than the other, for some addresses looked up one by one.
TEST(Bans, LongerOnesAreFoundForEveryAddress) {
    auto ranges = [](const std::vector<Ban> &bans) {
        const ImageView image(compile_bans(bans, now, boot).value());
        return banned_ranges(image.view());
    };
    const std::vector<Ban> one{ban("198.51.100.0/24", now + 100), ban("203.0.113.0/28"),
                               ban("2001:db8::/32", now + 10)};
    const std::vector<Ban> other{ban("198.51.100.0/25", now + 100), ban("198.51.100.200", now + 99),
                                 ban("203.0.113.4", now + 10), ban("192.0.2.0/24"),
                                 ban("2001:db8::/33", now + 11)};
    std::vector<std::string> longer;
    for (const BannedRange &range : banned_longer(ranges(one), ranges(other), 1'500'000'000))
        longer.push_back(to_string(range.range));
    EXPECT_THAT(longer, testing::ElementsAre("198.51.100.128-198.51.100.199",
                                             "198.51.100.201-198.51.100.255", "203.0.113.0/30",
                                             "203.0.113.4", "203.0.113.5-203.0.113.15",
                                             "2001:db8:8000::/33"));
    EXPECT_TRUE(banned_longer(ranges(one), ranges(one), 0).empty());
    EXPECT_TRUE(banned_longer({}, ranges(one), 0).empty());
    EXPECT_EQ(banned_longer(ranges(one), {}, 0), ranges(one));
}

TEST(Bans, ExpiredOnesAreNone) {
    EXPECT_TRUE(compile_bans({ban("198.51.100.0/24", now)}, now, boot).value().empty());
    EXPECT_TRUE(compile_bans({}, now, boot).value().empty());
}

TEST(Bans, LastAddressesOfAFamily) {
    const Bans bans(
        {ban("255.255.255.255"), ban("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ban("0.0.0.0/8")});
    EXPECT_EQ(bans.until("255.255.255.255"), never);
    EXPECT_EQ(bans.until("255.255.255.254"), 0u);
    EXPECT_EQ(bans.until("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), never);
    EXPECT_EQ(bans.until("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), 0u);
    EXPECT_EQ(bans.until("0.0.0.1"), never);
    EXPECT_EQ(bans.until("1.0.0.0"), 0u);
}

// 100,000 bans of all lengths against a list that is searched from end to end.
TEST(Bans, AHundredThousandAgreeWithANaiveList) {
    std::mt19937_64 random(11);
    std::vector<Ban> bans;
    for (int i = 0; i < 100'000; ++i) {
        const bool v4 = random() % 2;
        const int length =
            v4 ? 8 + static_cast<int>(random() % 25) : 32 + static_cast<int>(random() % 97);
        const Address any = v4 ? Address::v4(static_cast<std::uint32_t>(random()) & 0x0fffffff)
                               : Address{0x2001'0db8'0000'0000 | (random() & 0xffff), random()};
        // Clears the host bits.
        const int low = 128 - (v4 ? length + 96 : length);
        Address first = any;
        if (low >= 64) {
            first.low = 0;
            first.high &= low == 128 ? 0 : ~std::uint64_t{0} << (low - 64);
        } else if (low > 0) {
            first.low &= ~std::uint64_t{0} << low;
        }
        bans.push_back({{first, length},
                        now,
                        random() % 4 ? std::optional(now + 1 + random() % 60'000) : std::nullopt});
    }
    const Bans compiled(bans);
    for (int i = 0; i < 300; ++i) {
        Address asked = bans[random() % bans.size()].prefix.range().last;
        if (i % 3 == 1) asked.low++;
        if (i % 3 == 2) asked.low = (asked.low & ~std::uint64_t{0xff}) | (random() & 0xff);
        std::uint64_t expected = 0;
        for (const Ban &one : bans) {
            const Range range = one.prefix.range();
            if (asked < range.first || range.last < asked) continue;
            expected = std::max(expected,
                                one.expires ? boot + (*one.expires - now) * 1'000'000'000 : never);
        }
        ASSERT_EQ(compiled.until(asked), expected) << to_string(asked);
    }
}

TEST(Bans, TooManyExpiriesAreRoundedUpNeverDown) {
    std::vector<Ban> bans;
    for (std::uint32_t i = 0; i < 100'000; ++i)
        bans.push_back({{Address::v4(0x0a000000 + i * 2), 32}, now, now + 1 + i});
    const Bans compiled(bans);
    for (std::uint32_t i = 0; i < 100'000; i += 97) {
        const std::uint64_t exact = boot + (1 + i) * std::uint64_t{1'000'000'000};
        const std::uint64_t until = compiled.until(Address::v4(0x0a000000 + i * 2));
        ASSERT_GE(until, exact);
        ASSERT_LE(until, exact + 2'000'000'000);
        ASSERT_EQ(compiled.until(Address::v4(0x0a000001 + i * 2)), 0u);
    }
}

TEST(Bans, TextReadsBack) {
    const std::vector<Ban> bans{ban("198.51.100.0/24"), ban("2001:db8::1", now + 60)};
    const auto again = parse_bans(print_bans(bans)).value();
    ASSERT_EQ(again.size(), 2u);
    EXPECT_EQ(to_string(again[1].prefix), "2001:db8::1");
    EXPECT_EQ(again[1].expires, now + 60);
    EXPECT_EQ(again[0].expires, std::nullopt);
}

TEST(Bans, OwnersReadBackAndOlderLinesAreOfTheAdministrator) {
    Ban other = ban("198.51.100.0/24", now + 60);
    other.owner = "fail2ban-sshd";
    const std::vector<Ban> again = parse_bans(print_bans({ban("198.51.100.0/24"), other})).value();
    ASSERT_EQ(again.size(), 2u);
    EXPECT_EQ(again[0].owner, "admin");
    EXPECT_EQ(again[1].owner, "fail2ban-sshd");
    EXPECT_EQ(parse_bans("198.51.100.1 1 never\n").value()[0].owner, "admin");
}

// Its nanoseconds did not fit, so that it ended long before.
TEST(Bans, AnEndThatNoClockHoldsIsForEver) {
    for (const char *end :
         {"16000000000", "1700000000000", "99999999999999", "18446744073709551615"})
        EXPECT_EQ(parse_bans(std::string("198.51.100.1 1 ") + end).value()[0].expires, std::nullopt)
            << end;
    const Bans bans(parse_bans("198.51.100.1 1 15999999999").value());
    EXPECT_EQ(bans.until("198.51.100.1"), boot + (15'999'999'999 - now) * 1'000'000'000);
}

TEST(Bans, OfSeveralOnOnePrefixTheLatestEndHolds) {
    const Bans bans({ban("198.51.100.7", now + 5), ban("198.51.100.7", now + 50),
                     ban("198.51.100.7", now + 10), ban("203.0.113.0/24", now + 5),
                     ban("203.0.113.0/24")});
    EXPECT_EQ(bans.until("198.51.100.7"), boot + 50'000'000'000);
    EXPECT_EQ(bans.until("198.51.100.8"), 0u);
    EXPECT_EQ(bans.until("203.0.113.255"), never);
    EXPECT_EQ(bans.until("203.0.114.0"), 0u);
}

TEST(Bans, WrongLinesAreNamed) {
    EXPECT_THAT(parse_bans("# comment\n\n198.51.100.1/24 1 never\n").error(),
                testing::HasSubstr("line 3: "));
    EXPECT_THAT(parse_bans("198.51.100.1 1\n").error(),
                testing::HasSubstr("is not PREFIX CREATED EXPIRES"));
    EXPECT_THAT(parse_bans("198.51.100.1 1 2 a b\n").error(), testing::HasSubstr("line 1"));
    EXPECT_THAT(parse_bans("198.51.100.1 1 2 -a\n").error(), testing::HasSubstr("line 1"));
    EXPECT_THAT(parse_bans("198.51.100.1 -1 never\n").error(), testing::HasSubstr("line 1"));
}

}  // namespace
}  // namespace pm
