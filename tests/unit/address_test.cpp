// SPDX-License-Identifier: Apache-2.0
#include "policy/model/address.h"

#include <gtest/gtest.h>

#include "maps/lookup.h"
#include "tests/support/addresses.h"
#include "tests/support/random.h"

namespace pm {
namespace {

using test::address;
using test::addresses;

TEST(Address, TextGoesBothWays) {
    for (const char *text :
         {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
          "2001:db8:0:1::", "fe80::1:0:0:1", "ff02::fb", "64:ff9b::c000:201", "::1:2", "::c000:201",
          "::ffff", "::1:0", "::1:0:0", "::ffff:0:102:304"})
        EXPECT_EQ(to_string(address(text)), text);
    EXPECT_EQ(to_string(address("2001:DB8:0:0:0:0:0:1")), "2001:db8::1");
    EXPECT_EQ(address("192.0.2.1").low, 0x0000ffffc0000201U);
    EXPECT_EQ(address("2001:db8::5").high, 0x20010db800000000U);
}

TEST(Address, LooseFormsAreRefused) {
    const std::pair<const char *, const char *> cases[] = {
        {"", "'' is not an IPv4 or IPv6 address"},
        {"192.0.2", "'192.0.2' is not an IPv4 or IPv6 address"},
        {"192.0.2.01", "'192.0.2.01' is not an IPv4 or IPv6 address"},
        {"192.0.2.256", "'192.0.2.256' is not an IPv4 or IPv6 address"},
        {" 192.0.2.1", "' 192.0.2.1' is not an IPv4 or IPv6 address"},
        {"0x7f.1", "'0x7f.1' is not an IPv4 or IPv6 address"},
        {"2001:db8::1::2", "'2001:db8::1::2' is not an IPv4 or IPv6 address"},
        {"12345::", "'12345::' is not an IPv4 or IPv6 address"},
        {"fe80::1%eth0", "'fe80::1%eth0' names a zone; write it without '%eth0'"},
        {"::ffff:192.0.2.1",
         "'::ffff:192.0.2.1' is an IPv4 address mapped into IPv6; write 192.0.2.1"},
        {"localhost", "'localhost' is not an IPv4 or IPv6 address"},
    };
    for (const auto &[text, message] : cases) {
        auto parsed = parse_address(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error(), message);
    }
}

TEST(Prefix, TextGoesBothWays) {
    for (const char *text : {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.1", "192.0.2.0/31", "::/0",
                             "2001:db8::/32", "2001:db8::1", "2001:db8::/127"})
        EXPECT_EQ(to_string(parse_prefix(text).value()), text);
    EXPECT_EQ(to_string(parse_prefix("192.0.2.1/32").value()), "192.0.2.1");
}

TEST(Prefix, FaultsSayTheRemedy) {
    const std::pair<const char *, const char *> cases[] = {
        {"10.0.0.1/8", "'10.0.0.1/8' has host bits set; the prefix is 10.0.0.0/8"},
        {"2001:db8::1/64", "'2001:db8::1/64' has host bits set; the prefix is 2001:db8::/64"},
        {"10.0.0.0/33", "'10.0.0.0/33' is not a prefix: the length of an IPv4 prefix is 0-32"},
        {"::/129", "'::/129' is not a prefix: the length of an IPv6 prefix is 0-128"},
        {"10.0.0.0/", "'10.0.0.0/' is not a prefix: the length of an IPv4 prefix is 0-32"},
        {"10.0.0.0/08", "'10.0.0.0/08' is not a prefix: the length of an IPv4 prefix is 0-32"},
        {"10.0.0.0/+8", "'10.0.0.0/+8' is not a prefix: the length of an IPv4 prefix is 0-32"},
    };
    for (const auto &[text, message] : cases) {
        auto parsed = parse_prefix(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error(), message);
    }
}

TEST(AddressSet, NormalisesAndKeepsFamiliesApart) {
    EXPECT_EQ(addresses({"10.0.0.128/25", "10.0.0.0/25", "10.0.0.7"}), addresses({"10.0.0.0/24"}));
    EXPECT_EQ(addresses({"10.0.0.0/24"}).ranges().size(), 1U);
    EXPECT_FALSE(addresses({"::/0"}).contains(address("192.0.2.1")));
    EXPECT_FALSE(addresses({"::/64"}).contains(address("192.0.2.1")));
    EXPECT_TRUE(addresses({"::/0"}).contains(address("::fffe:0:0")));
    EXPECT_EQ(addresses({"::/0"}), AddressSet::v6());
    EXPECT_EQ(addresses({"0.0.0.0/0"}), AddressSet::v4());
    EXPECT_TRUE((AddressSet::v4() & AddressSet::v6()).empty());
    EXPECT_EQ((AddressSet::v4() | AddressSet::v6()).ranges().size(), 3U);
}

TEST(AddressSet, RangesPrintAsPrefixes) {
    const auto prefixes = AddressSet({{address("10.0.0.1"), address("10.0.0.6")}}).prefixes();
    std::string text;
    for (const Prefix &prefix : prefixes) text += to_string(prefix) + " ";
    EXPECT_EQ(text, "10.0.0.1 10.0.0.2/31 10.0.0.4/31 10.0.0.6 ");
    EXPECT_EQ(to_string(Range{address("10.0.0.0"), address("10.0.0.255")}), "10.0.0.0/24");
    EXPECT_EQ(to_string(Range{address("10.0.0.1"), address("10.0.0.6")}), "10.0.0.1-10.0.0.6");
    EXPECT_EQ(AddressSet::v4().prefixes().size(), 1U);
}

// The kernel has these sets as code (pm_is_multicast, pm_is_martian): both agree at every bound.
TEST(AddressSet, MulticastAndMartiansAreWhatTheDataPathSays) {
    const AddressSet multicast = AddressSet::multicast(), martians = AddressSet::martians();
    std::vector<Address> bounds{address("255.255.255.255"), {~0ULL, ~0ULL}};
    for (const AddressSet *set : {&multicast, &martians})
        for (const Range &range : set->ranges())
            for (const Address &at : {range.first, range.last}) {
                bounds.push_back(at);
                bounds.push_back({at.low == 0 ? at.high - 1 : at.high, at.low - 1});
                bounds.push_back({at.low + 1 == 0 ? at.high + 1 : at.high, at.low + 1});
            }
    for (const Address &at : bounds) {
        const pm_addr raw = at.abi();
        EXPECT_EQ(multicast.contains(at), pm_is_multicast(&raw) != 0) << to_string(at);
        EXPECT_EQ(martians.contains(at), pm_is_martian(&raw) != 0) << to_string(at);
        EXPECT_EQ(AddressSet::any().contains(at), !pm_is_multicast(&raw)) << to_string(at);
    }
}

// Set arithmetic against membership, address by address, in a space small enough to count.
TEST(AddressSet, ArithmeticAgreesWithMembership) {
    test::Random random(7);
    auto random_set = [&] {
        std::vector<Range> ranges;
        for (unsigned n = random.below(6); n > 0; --n) {
            const std::uint32_t first = random.below(60), last = first + random.below(10);
            ranges.push_back({Address::v4(first), Address::v4(last)});
        }
        return AddressSet(std::move(ranges));
    };
    for (int round = 0; round < 2000; ++round) {
        const AddressSet a = random_set(), b = random_set();
        const AddressSet either = a | b, both = a & b, only = a - b;
        bool all = true;
        for (std::uint32_t i = 0; i < 72; ++i) {
            const Address at = Address::v4(i);
            ASSERT_EQ(either.contains(at), a.contains(at) || b.contains(at));
            ASSERT_EQ(both.contains(at), a.contains(at) && b.contains(at));
            ASSERT_EQ(only.contains(at), a.contains(at) && !b.contains(at));
            all = all && (a.contains(at) || !b.contains(at));
        }
        ASSERT_EQ(a.contains(b), all);
        ASSERT_EQ(AddressSet(std::vector<Range>(either.ranges())), either);  // in its form
        std::vector<Range> again;
        for (const Prefix &prefix : a.prefixes()) again.push_back(prefix.range());
        ASSERT_EQ(AddressSet(std::move(again)), a);
    }
}

}  // namespace
}  // namespace pm
