// SPDX-License-Identifier: Apache-2.0
// The parachute without a kernel: which rows it closes, what is said of devices and bans when it is
// loaded, and what is stored. What its rules do, tests/packet/parachute_test.cpp asks the kernel.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/base/file.h"
#include "loader/parachute/note.h"
#include "loader/parachute/render.h"
#include "loader/parachute/store.h"
#include "loader/parachute/table.h"
#include "tests/support/policies.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/temporary.h"

namespace pm::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t second = 1'000'000'000;

Policy policy_with(const Check &check, const Limit &limit) {
    PolicyBuilder builder;
    builder.role("access", {"203.0.113.10/32"});
    Row &row = builder.row("web", {PM_PROTO_TCP}, "any", "access", {{443, 443}});
    row.check = check;
    row.limit = limit;
    return builder.policy;
}

std::size_t count(const std::string &text, const std::string &word) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size())
        ++found;
    return found;
}

TEST(ParachuteRows, ACheckThatDropsIsClosedAndOneThatCountsIsNot) {
    const Policy drops = policy_with({.payload = Check::Payload::tls, .drop = true}, {});
    const auto closed = parachute::closed_rows(drops);
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed[0].id, "web");
    EXPECT_THAT(closed[0].why, HasSubstr("tls"));
    EXPECT_TRUE(
        parachute::closed_rows(policy_with({.payload = Check::Payload::tls, .drop = false}, {}))
            .empty());
}

TEST(ParachuteRows, ALimitIsSaid) {
    const Limit limit = {.flows = 50, .per_seconds = 1, .burst = 100, .per_row = true};
    EXPECT_TRUE(parachute::closed_rows(policy_with({}, limit)).empty());
    EXPECT_THAT(parachute::render(policy_with({}, limit)).commands,
                HasSubstr(R"("rate":50,"per":"second","burst":100)"));
}

TEST(ParachuteRows, ALimitOfAnotherLengthIsClosed) {
    const Limit limit = {.flows = 50, .per_seconds = 11, .burst = 100, .per_row = true};
    EXPECT_EQ(parachute::closed_rows(policy_with({}, limit)).size(), 1U);
}

TEST(ParachuteRows, AuthenticationHeadersAreClosedInIpv6) {
    PolicyBuilder builder;
    builder.role("access", {"203.0.113.10/32", "2001:db8::10/128"});
    builder.row("ah", {51}, "any", "access");
    const auto closed = parachute::closed_rows(builder.policy);
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_THAT(closed[0].why, HasSubstr("IPv6"));
}

TEST(ParachuteRows, NoNameOfThePolicyIsInTheRules) {
    const std::string commands = parachute::render(mixed_policy()).commands;
    for (const char *name : {"partners", "sip-in", "ssh-admins", "edge1", "mixed"})
        EXPECT_THAT(commands, Not(HasSubstr(name)));
}

TEST(ParachuteRows, EqualSetsAreOne) {
    const std::string commands = parachute::render(mixed_policy()).commands;
    EXPECT_EQ(count(commands, R"("198.51.100.0","198.51.100.255")"), 1U);
}

TEST(ParachuteLoad, DevicesAndBansComeWhenItIsLoaded) {
    const parachute::Devices devices = {.open = {"docker0"}, .zones = {{"eth0", "0"}}};
    const std::vector<Ban> bans = {
        {.prefix = *parse_prefix("198.51.100.0/24"), .created = 0, .expires = 1100},
        {.prefix = *parse_prefix("198.51.100.64/26"), .created = 0, .expires = 1050},
        {.prefix = *parse_prefix("198.51.100.128/25"), .created = 0, .expires = std::nullopt},
        {.prefix = *parse_prefix("192.0.2.1"), .created = 0, .expires = 1000},
        {.prefix = *parse_prefix("2001:db8::/32"), .created = 0, .expires = std::nullopt}};
    const std::string text = parachute::load_text("", devices, bans, 1000 * second);
    EXPECT_THAT(text, HasSubstr(R"("elem":["lo","docker0"])"));
    EXPECT_THAT(text, HasSubstr(R"(["eth0",{"goto":{"target":"in-0"}}])"));
    EXPECT_THAT(text, HasSubstr(R"(["198.51.100.128","198.51.100.255"])"));  // for good
    EXPECT_THAT(text, HasSubstr(R"({"range":["198.51.100.64","198.51.100.127"]},"timeout":100)"));
    EXPECT_THAT(text, Not(HasSubstr("192.0.2.1")));
    EXPECT_THAT(text, HasSubstr(R"("2001:db8::","2001:db8:ffff:)"));
}

// What was left was counted from the beginning of this second, and lasted up to one too long.
TEST(ParachuteLoad, NoBanLastsLongerThanItsLineSays) {
    const std::vector<Ban> bans = {
        {.prefix = *parse_prefix("198.51.100.0/24"), .created = 0, .expires = 1100},
        {.prefix = *parse_prefix("192.0.2.1"), .created = 0, .expires = 1001},
        {.prefix = *parse_prefix("192.0.2.2"), .created = 0, .expires = std::nullopt},
        {.prefix = *parse_prefix("2001:db8::/32"), .created = 0, .expires = 87'401}};
    const std::uint64_t now = 1000 * second + 750'400'000;
    EXPECT_EQ(parachute::replace_text(bans, now),
              "flush set inet portmatrix-parachute banned-v4\n"
              "add element inet portmatrix-parachute banned-v4 { 192.0.2.1 timeout 0d0s249ms, "
              "192.0.2.2, 198.51.100.0-198.51.100.255 timeout 0d99s249ms }\n"
              "flush set inet portmatrix-parachute banned-v6\n"
              "add element inet portmatrix-parachute banned-v6 { "
              "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff timeout 1d0s249ms }\n");
    // In JSON there are no parts of a second, and no time at all is for ever.
    const std::string text = parachute::load_text("", {}, bans, now);
    EXPECT_THAT(text, HasSubstr(R"("timeout":99)"));
    EXPECT_THAT(text, HasSubstr(R"("timeout":86400)"));
    EXPECT_THAT(text, Not(HasSubstr("192.0.2.1\"")));
    EXPECT_EQ(parachute::replace_text(bans, 100'000 * second),
              "flush set inet portmatrix-parachute banned-v4\n"
              "add element inet portmatrix-parachute banned-v4 { 192.0.2.2 }\n"
              "flush set inet portmatrix-parachute banned-v6\n");
}

// A ban of more than a year had none of its time there.
TEST(ParachuteLoad, ALongBanHasItsEnd) {
    const std::vector<Ban> bans = {
        {.prefix = *parse_prefix("192.0.2.1"), .created = 0, .expires = 15'999'999'999}};
    EXPECT_THAT(parachute::load_text("", {}, bans, 500'000'000),
                HasSubstr(R"("timeout":15999999998)"));
    EXPECT_THAT(parachute::replace_text(bans, 500'000'000),
                HasSubstr("timeout 185185d15998s500ms"));
}

TEST(ParachuteLoad, TheCopyIsTheSameUnderAnotherName) {
    const std::string commands = parachute::render(mixed_policy()).commands;
    std::string copy = parachute::copy_text("another", commands, {}, {}, 1000 * second);
    EXPECT_THAT(copy, Not(HasSubstr(parachute::table_name)));
    const std::string loaded = parachute::load_text(commands, {}, {}, 1000 * second);
    EXPECT_EQ(count(copy, R"("table":"another")"),
              count(loaded, R"("table":"portmatrix-parachute")"));
    EXPECT_EQ(count(copy, R"("add":{"table")"), 0U);
}

class ParachuteFiles : public testing::Test {
protected:
    const TemporaryFolder folder_;
    const Paths paths_{folder_.path() / "pins", folder_.path() / "state", folder_.path() / "run"};
};

TEST_F(ParachuteFiles, WhatIsStoredIsReadBack) {
    EXPECT_EQ(parachute::stored_generation(paths_), 0U);
    ASSERT_TRUE(parachute::read_stored(paths_));
    EXPECT_FALSE(*parachute::read_stored(paths_));
    const parachute::Stored stored = {.generation = 7,
                                      .policy = "mixed",
                                      .sha256 = "ab",
                                      .rendering = parachute::render(mixed_policy())};
    ASSERT_TRUE(parachute::store(paths_, stored));
    EXPECT_EQ(parachute::stored_generation(paths_), 7U);
    const auto read = parachute::read_stored(paths_);
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->rendering.commands, stored.rendering.commands);
    EXPECT_EQ((*read)->rendering.zones, (std::vector<std::string>{"edge0", "edge1"}));
}

TEST_F(ParachuteFiles, OneThatIsCutShortIsRefused) {
    ASSERT_TRUE(parachute::store(paths_, {.generation = 7,
                                          .policy = "mixed",
                                          .sha256 = "ab",
                                          .rendering = parachute::render(mixed_policy())}));
    const auto file = paths_.state / "parachute/rendered";
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 10);
    EXPECT_FALSE(parachute::read_stored(paths_));
}

TEST_F(ParachuteFiles, TheNoteIsReadBack) {
    EXPECT_FALSE(parachute::read_note(paths_));
    const parachute::Note note = {.generation = 7,
                                  .policy = "mixed",
                                  .sha256 = "ab",
                                  .since = 1,
                                  .why = "no BTF",
                                  .fallback = "no bans",
                                  .wanted = 8,
                                  .interfaces = {"eth0"},
                                  .open = {"docker0"},
                                  .closed = {{.row = "web", .why = "tls"}}};
    ASSERT_TRUE(parachute::write_note(paths_, note));
    const auto read = parachute::read_note(paths_);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->why, "no BTF");
    EXPECT_EQ(read->fallback, "no bans");
    EXPECT_EQ(read->wanted, 8U);
    EXPECT_EQ(read->open, note.open);
    EXPECT_EQ(read->closed.size(), 1U);
    ASSERT_TRUE(parachute::remove_note(paths_));
    EXPECT_FALSE(parachute::read_note(paths_));
}

TEST_F(ParachuteFiles, ADamagedNoteStillSaysThatItIsLoaded) {
    ASSERT_TRUE(parachute::write_note(paths_, {}));
    ASSERT_TRUE(write_file(paths_.run / "parachute", "{"));
    const auto read = parachute::read_note(paths_);
    ASSERT_TRUE(read);
    EXPECT_THAT(read->why, HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace pm::test
