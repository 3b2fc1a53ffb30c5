// SPDX-License-Identifier: Apache-2.0
#include "loader/state/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/state/generation_index.h"

namespace pm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t day_ns = std::uint64_t{86'400} * 1'000'000'000;
constexpr std::uint64_t retention_now = 2'000 * day_ns;

// Generations 1 to `count`, a day apart, the last one of today; each takes `disk` bytes.
std::vector<StoredGeneration> one_a_day(std::uint64_t count, std::uint64_t disk = 1) {
    std::vector<StoredGeneration> all;
    for (std::uint64_t number = 1; number <= count; ++number)
        all.push_back({.number = number,
                       .applied_at = retention_now - (count - number) * day_ns,
                       .disk = disk});
    return all;
}

TEST(Retention, TheNewestTenAreKeptWhole) {
    const Retention kept = choose_kept(one_a_day(12), {}, {}, retention_now);
    EXPECT_THAT(kept.whole, ElementsAre(3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    EXPECT_THAT(kept.as_text, ElementsAre(1, 2));
    EXPECT_THAT(kept.cut, IsEmpty());
}

TEST(Retention, WhatIsNeededIsKeptWhole) {
    auto stored = one_a_day(500);
    const Retention kept = choose_kept(stored, {1, 77}, {}, retention_now, {.disk = 0});
    EXPECT_EQ(kept.whole.size(), 12U);
    EXPECT_TRUE(kept.whole.contains(1) && kept.whole.contains(77));
}

TEST(Retention, TheLastOneIsKeptWholeThoughNobodyConfirmedIt) {
    auto stored = one_a_day(13);
    stored[11].confirmed = stored[12].confirmed = false;
    const Retention kept = choose_kept(stored, {}, {}, retention_now);
    EXPECT_THAT(kept.whole, ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13));
    EXPECT_THAT(kept.as_text, ElementsAre(1, 12));
}

TEST(Retention, AfterFourHundredDaysTheyGoButForFifty) {
    Retention kept = choose_kept(one_a_day(500), {}, {}, retention_now);
    EXPECT_EQ(*kept.as_text.begin(), 100U);  // of 400 days ago
    EXPECT_THAT(kept.cut, IsEmpty());
    auto old = one_a_day(60);
    for (StoredGeneration &one : old) one.applied_at -= 1'000 * day_ns;
    kept = choose_kept(old, {}, {}, retention_now);
    EXPECT_EQ(*kept.as_text.begin(), 11U);
    EXPECT_EQ(kept.as_text.size(), 40U);
}

TEST(Retention, AClockThatWasAheadRemovesNothing) {
    auto stored = one_a_day(60);
    for (StoredGeneration &one : stored) one.applied_at += 10'000 * day_ns;
    EXPECT_EQ(choose_kept(stored, {}, {}, retention_now).as_text.size(), 50U);
}

TEST(Retention, TheBoundOfDiskCountsMore) {
    const Retention kept = choose_kept(one_a_day(20, 100), {}, {}, retention_now, {.disk = 399});
    EXPECT_THAT(kept.as_text, ElementsAre(8, 9, 10));
    EXPECT_THAT(kept.cut, ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

// Else a small one that is older would stay, and the history would have a gap.
TEST(Retention, BeyondTheBoundAllThatIsOlderGoes) {
    auto stored = one_a_day(13, 10);
    stored[1].disk = 1'000;
    EXPECT_THAT(choose_kept(stored, {}, {}, retention_now, {.disk = 100}).cut, ElementsAre(1, 2));
}

TEST(Retention, ASetFileCountsOnceAndNotWhereAWholeGenerationHasIt) {
    auto stored = one_a_day(14, 1);
    stored[13].set_files = {"newest"};
    stored[3].set_files = {"newest", "shared"};
    stored[2].set_files = {"shared"};
    stored[1].set_files = {"large"};
    const std::map<std::string, std::uint64_t> sizes = {
        {"newest", 1'000}, {"shared", 90}, {"large", 10}};
    const Retention kept = choose_kept(stored, {}, sizes, retention_now, {.disk = 100});
    EXPECT_THAT(kept.as_text, ElementsAre(3, 4));
    EXPECT_THAT(kept.cut, ElementsAre(1, 2));
}

TEST(Retention, NumbersAreTold) {
    EXPECT_EQ(numbers_text({}), "");
    EXPECT_EQ(numbers_text({7}), "7");
    EXPECT_EQ(numbers_text({1, 2, 4, 6, 7, 8, 12}), "1 and 2, 4, 6 to 8, 12");
}

TEST(GenerationIndex, IsReadAsItWasWritten) {
    GenerationIndex index;
    index[7] = {.stored = {.number = 7,
                           .confirmed = false,
                           .applied_at = 5,
                           .disk = 4096,
                           .set_files = {"a", "b"}},
                .written_at = 6,
                .has_image = false};
    const GenerationIndex read = parse_index(index_text(index));
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(index_text(read), index_text(index));
    EXPECT_FALSE(read.at(7).has_image);
    EXPECT_THAT(read.at(7).stored.set_files, ElementsAre("a", "b"));
}

TEST(GenerationIndex, ADamagedOneIsEmpty) {
    for (const char *text : {"", "[", "{}", "[{}]", "[7]", "7", "[{\"generation\":-1}]"})
        EXPECT_TRUE(parse_index(text).empty()) << text;
}

}  // namespace
}  // namespace pm
