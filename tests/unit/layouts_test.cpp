// SPDX-License-Identifier: Apache-2.0
// Steps from one layout of the maps to the next, put together.
#include "loader/attach/layouts.h"

#include <gtest/gtest.h>

#include "maps/abi.h"

namespace pm {
namespace {

using Kind = MapChange::Kind;

Convert with(std::uint8_t byte) {
    return [byte](const Bytes &old) {
        Bytes longer = old;
        longer.push_back(byte);
        return longer;
    };
}

TEST(Layouts, TheStepsEndAtTheLayoutOfThisRelease) {
    const Layouts &layouts = known_layouts();
    std::uint32_t before = layouts.oldest;
    for (const LayoutStep &step : layouts.steps) {
        EXPECT_EQ(step.to, before + 1);
        EXPECT_FALSE(step.changes.contains("abi"));
        before = step.to;
    }
    EXPECT_EQ(before, static_cast<std::uint32_t>(PM_ABI_VERSION));
}

TEST(Layouts, OnlyStepsAfterTheLayoutCount) {
    const std::vector<LayoutStep> steps = {{.to = 4, .changes = {{"old", {}}}},
                                           {.to = 5, .changes = {{"new", {}}}}};
    EXPECT_EQ(changes_since(3, steps).size(), 2u);
    EXPECT_TRUE(changes_since(4, steps).contains("new"));
    EXPECT_FALSE(changes_since(4, steps).contains("old"));
    EXPECT_TRUE(changes_since(5, steps).empty());
}

TEST(Layouts, ConversionsFollowEachOther) {
    const std::vector<LayoutStep> steps = {
        {.to = 4, .changes = {{"flows", {.value = with(4)}}}},
        {.to = 5, .changes = {{"flows", {.key = with(5)}}}},
        {.to = 6, .changes = {{"flows", {.value = with(6)}}}},
    };
    const MapChange change = changes_since(3, steps).at("flows");
    EXPECT_EQ(change.kind, Kind::copied);
    EXPECT_EQ(change.value({1}), (Bytes{1, 4, 6}));
    EXPECT_EQ(change.key({1}), (Bytes{1, 5}));
    EXPECT_FALSE(changes_since(6, steps).contains("flows"));
}

TEST(Layouts, AMapThatWasAddedStaysNewUntilItIsRemoved) {
    std::vector<LayoutStep> steps = {{.to = 4, .changes = {{"new", {.kind = Kind::added}}}},
                                     {.to = 5, .changes = {{"new", {.value = with(5)}}}}};
    EXPECT_EQ(changes_since(3, steps).at("new").kind, Kind::added);
    EXPECT_EQ(changes_since(4, steps).at("new").kind, Kind::copied);
    steps.push_back({.to = 6, .changes = {{"new", {.kind = Kind::removed}}}});
    EXPECT_EQ(changes_since(3, steps).at("new").kind, Kind::removed);
    steps.push_back({.to = 7, .changes = {{"new", {.kind = Kind::added}}}});
    EXPECT_EQ(changes_since(3, steps).at("new").kind, Kind::added);
}

}  // namespace
}  // namespace pm
