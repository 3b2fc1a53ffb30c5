// SPDX-License-Identifier: Apache-2.0
// A ring of events as its reader holds it, over pinned maps.
#include "loader/kernel/event_ring.h"

#include <stdlib.h>
#include <sys/mount.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "loader/kernel/pins.h"
#include "loader/kernel/program.h"

namespace pm::test {
namespace {

class EventRingTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "pm-ring-XXXXXX";
        ASSERT_TRUE(mkdtemp(name.data()));
        folder_ = name;
        paths_ = {.pins = folder_ / "pins", .state = folder_ / "state", .run = folder_ / "run"};
        std::filesystem::create_directory(paths_.pins);
        ASSERT_EQ(mount("bpf", paths_.pins.c_str(), "bpf", 0, "mode=0700"), 0);
        ProgramOptions options;
        options.hooks = false;
        options.flow_capacity = 1024;
        auto program = Program::load(options);
        ASSERT_TRUE(program) << program.error().message;
        auto pins = Pins::create(paths_, *program);
        ASSERT_TRUE(pins) << pins.error().message;
        pins_.emplace(std::move(*pins));
    }
    void TearDown() override {
        pins_.reset();
        umount(paths_.pins.c_str());
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
    }

    // Until when the first ring is armed; 0: it is not.
    std::uint64_t armed_until() const {
        auto rings = Map<std::uint32_t, pm_ring>::of(pins_->maps(), "rings");
        return rings ? rings->get(0).value().until : ~std::uint64_t{0};
    }

    std::filesystem::path folder_;
    Paths paths_;
    std::optional<Pins> pins_;
};

TEST_F(EventRingTest, StaysArmedWhenItIsMoved) {
    auto ring = EventRing::claim(paths_, *pins_);
    ASSERT_TRUE(ring) << ring.error().message;
    ASSERT_TRUE(ring->arm({}));
    const std::uint64_t until = armed_until();
    EXPECT_NE(until, 0U);
    {
        std::optional<EventRing> from(std::move(*ring));
        std::optional<EventRing> to(std::move(*from));
        from.reset();
        EXPECT_EQ(armed_until(), until) << "the one that was moved from disarms nothing";
    }
    EXPECT_EQ(armed_until(), 0U) << "the one that holds the ring disarms it";
}

// What the programs compare of an address: all but the last so many bits.
TEST_F(EventRingTest, AsksForAPrefixByTheBitsThatAreOpen) {
    auto ring = EventRing::claim(paths_, *pins_);
    ASSERT_TRUE(ring) << ring.error().message;
    const std::pair<const char *, int> cases[] = {{"198.51.100.7", 1},      {"198.51.100.0/24", 9},
                                                  {"0.0.0.0/0", 33},        {"2001:db8::1", 1},
                                                  {"2001:db8:20::/48", 81}, {"::/0", 0}};
    for (const auto &[text, expected] : cases) {
        EventFilter filter;
        filter.peer = parse_prefix(text).value();
        ASSERT_TRUE(ring->arm(filter));
        auto rings = Map<std::uint32_t, pm_ring>::of(pins_->maps(), "rings");
        ASSERT_TRUE(rings);
        EXPECT_EQ(rings->get(0).value().by_peer, expected) << text;
        ring->disarm();
    }
}

// Programs that know no prefixes would compare whole addresses, and send nothing.
TEST_F(EventRingTest, AsksProgramsOfAnotherBuildForNoPrefix) {
    auto abi = Map<std::uint32_t, pm_build>::of(pins_->maps(), "abi");
    ASSERT_TRUE(abi);
    pm_build other = this_build();
    other.programs++;
    ASSERT_TRUE(abi->put(0, other));
    auto ring = EventRing::claim(paths_, *pins_);
    ASSERT_TRUE(ring) << ring.error().message;
    for (const auto &[text, expected] : {std::pair("198.51.100.0/24", 0), {"198.51.100.7", 1}}) {
        EventFilter filter;
        filter.peer = parse_prefix(text).value();
        ASSERT_TRUE(ring->arm(filter));
        auto rings = Map<std::uint32_t, pm_ring>::of(pins_->maps(), "rings");
        EXPECT_EQ(rings->get(0).value().by_peer, expected) << text;
        ring->disarm();
    }
}

}  // namespace
}  // namespace pm::test
