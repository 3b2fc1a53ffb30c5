// SPDX-License-Identifier: Apache-2.0
// Where captures may be written, and their bytes. tests/e2e/monitor_test.sh tests that other
// programs can read them.
#include "loader/show/pcapng.h"

#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/temporary.h"

namespace pm {
namespace {

std::string content(const std::filesystem::path &path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

Pcapng::Frame frame(std::span<const std::uint8_t> bytes, const char *interface = "eth0") {
    return {1'700'000'000'000'000'001, interface, true, 1500, bytes, "dropped: no-row"};
}

TEST(Pcapng, EveryBlockSaysItsLengthAtBothEnds) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "drops.pcapng";
    const std::uint8_t bytes[] = {1, 2, 3, 4, 5};
    auto file = Pcapng::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->add(frame(bytes)));
    ASSERT_TRUE(file->add(frame(bytes, "eth1")));
    ASSERT_TRUE(file->add(frame(bytes)));
    ASSERT_TRUE(file->flush());
    const std::string all = content(path);
    std::vector<std::uint32_t> types;
    for (std::size_t at = 0; at < all.size();) {
        std::uint32_t type = 0, size = 0, again = 0;
        ASSERT_LE(at + 12, all.size());
        std::memcpy(&type, &all[at], 4);
        std::memcpy(&size, &all[at + 4], 4);
        ASSERT_EQ(size % 4, 0u);
        ASSERT_LE(at + size, all.size());
        std::memcpy(&again, &all[at + size - 4], 4);
        EXPECT_EQ(size, again);
        types.push_back(type);
        at += size;
    }
    // A section, and an interface before the first packet that names it.
    EXPECT_EQ(types, (std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6, 1, 6, 6}));
}

TEST(Pcapng, WritesOverItsOwnCaptureOnly) {
    const test::TemporaryFolder folder;
    const auto mine = folder.path() / "mine", text = folder.path() / "text";
    ASSERT_TRUE(Pcapng::create(mine));
    const std::string empty = content(mine);
    const std::uint8_t bytes[] = {1};
    {
        auto again = Pcapng::create(mine);
        ASSERT_TRUE(again);
        ASSERT_TRUE(again->add(frame(bytes)));
        ASSERT_TRUE(again->flush());
    }
    EXPECT_GT(content(mine).size(), empty.size());
    ASSERT_TRUE(Pcapng::create(mine));
    EXPECT_EQ(content(mine), empty);

    std::ofstream(text) << "what somebody wrote down, and more than a section is long";
    auto refused = Pcapng::create(text);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().exit, Exit::refused);
    EXPECT_EQ(content(text).substr(0, 4), "what");
}

TEST(Pcapng, FollowsNoLinkAndOpensNoDevice) {
    const test::TemporaryFolder folder;
    const auto mine = folder.path() / "mine", link = folder.path() / "link";
    const auto twin = folder.path() / "twin", pipe = folder.path() / "pipe";
    ASSERT_TRUE(Pcapng::create(mine));
    std::filesystem::create_symlink(mine, link);
    EXPECT_FALSE(Pcapng::create(link));
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_FALSE(Pcapng::create(pipe));
    EXPECT_FALSE(Pcapng::create("/dev/null"));
    EXPECT_FALSE(Pcapng::create(folder.path()));
    std::filesystem::create_hard_link(mine, twin);
    EXPECT_FALSE(Pcapng::create(mine));
}

}  // namespace
}  // namespace pm
