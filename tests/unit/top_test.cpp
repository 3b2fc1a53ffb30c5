// SPDX-License-Identifier: Apache-2.0
// What top shows: rates between two snapshots, sorting, filters, the places of the panes, the keys.
#define NCURSES_NOMACROS
#include <curses.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/show/top_model.h"
#include "loader/show/top_screen.h"
#include "loader/show/words.h"

namespace pm::show {
namespace {

using testing::ElementsAre;

RowStatus row(const char *id, std::uint16_t slot, std::uint64_t packets, std::uint64_t bytes) {
    RowStatus status{{}, "matrix"};
    status.row.id = id;
    status.row.slot = slot;
    status.row.transport = "tcp";
    status.count.packets[PM_IN] = packets;
    status.count.bytes[PM_IN] = bytes;
    return status;
}

Snapshot look(std::vector<RowStatus> rows, std::vector<DropStatus> drops = {}) {
    Snapshot snapshot;
    snapshot.in_force.mode = PM_MODE_ENFORCE;
    snapshot.in_force.catalog.policy = "test";
    snapshot.in_force.catalog.generation = 3;
    InterfaceStatus eth0;
    eth0.name = "eth0";
    eth0.rows = std::move(rows);
    eth0.drops = std::move(drops);
    snapshot.interfaces.push_back(eth0);
    return snapshot;
}

std::vector<std::string> ids(const std::vector<RowRate> &rows) {
    std::vector<std::string> all;
    for (const RowRate &one : rows) all.push_back(one.row->id);
    return all;
}

DropStatus drop(const char *reason, std::uint64_t packets) {
    return {PM_IN, reason, {packets, packets * 60, 0, 0}};
}

TEST(TopModel, TheFirstLookHasNoRates) {
    TopModel model;
    model.look(look({row("web", 16, 1000, 5000)}), 10);
    EXPECT_EQ(model.rows({})[0].packets.in, 0);
}

TEST(TopModel, RatesAreOfTheTimeBetweenTwoLooks) {
    TopModel model;
    model.look(look({row("web", 16, 1000, 5000)}, {drop("no-row", 10)}), 10);
    model.look(look({row("web", 16, 1100, 9000)}, {drop("no-row", 40), drop("banned", 6)}), 12);
    EXPECT_EQ(model.rows({})[0].packets.in, 50);
    EXPECT_EQ(model.rows({})[0].bits.in, 16000);
    EXPECT_EQ(model.drops({})[0].packets, 15);
    // A reason that was missing before had counted nothing.
    EXPECT_EQ(model.drops({})[1].reason, "banned");
    EXPECT_EQ(model.drops({})[1].packets, 3);
}

TEST(TopModel, ACounterThatIsLowerBeganAnew) {
    TopModel model;
    model.look(look({row("web", 16, 1000, 5000)}), 10);
    model.look(look({row("web", 16, 20, 100)}), 12);
    EXPECT_EQ(model.rows({})[0].packets.in, 10);
}

TEST(TopModel, ARowThatIsNewHasCountedNothingBefore) {
    TopModel model;
    model.look(look({row("web", 16, 0, 0)}), 10);
    model.look(look({row("web", 16, 0, 0), row("sip", 17, 8, 800)}), 12);
    EXPECT_EQ(ids(model.rows({})), (std::vector<std::string>{"sip", "web"}));
    EXPECT_EQ(model.rows({})[0].packets.in, 4);
}

TEST(TopModel, SortsByWhatIsChosenAndFilters) {
    TopModel model;
    model.look(look({row("a", 16, 0, 0), row("b", 17, 0, 0), row("c", 18, 0, 0)}), 10);
    model.look(look({row("a", 16, 1, 900), row("b", 17, 3, 100), row("c", 18, 2, 500)}), 11);
    TopView view;
    EXPECT_THAT(ids(model.rows(view)), ElementsAre("b", "c", "a"));
    view.sort[0] = 1;
    EXPECT_THAT(ids(model.rows(view)), ElementsAre("a", "c", "b"));
    view.reverse[0] = true;
    EXPECT_THAT(ids(model.rows(view)), ElementsAre("b", "c", "a"));
    view.sort[0] = 4;
    EXPECT_THAT(ids(model.rows(view)), ElementsAre("c", "b", "a"));
    view.filter = "c";
    EXPECT_THAT(ids(model.rows(view)), ElementsAre("c"));
}

TEST(TopModel, SaysWhatIsInForceAndWhatIsWrong) {
    TopModel model;
    Snapshot snapshot = look({});
    model.look(snapshot, 1);
    EXPECT_EQ(model.title(), "test generation 3 enforce  on eth0");
    EXPECT_EQ(model.alarm(), "");
    snapshot.interfaces[0].drifted = true;
    snapshot.in_force.seconds_left = 7;
    snapshot.in_force.fallback = {.generation = 2, .policy = "before", .mode = PM_MODE_ENFORCE};
    model.look(snapshot, 2);
    EXPECT_THAT(model.alarm(), testing::HasSubstr("eth0 is not attached"));
    EXPECT_THAT(model.alarm(),
                testing::HasSubstr("WILL ROLL BACK to generation 2 (before) in 7s unless: "
                                   "portmatrix confirm"));
}

TEST(RateText, KeepsTwoOrThreeDigits) {
    EXPECT_EQ(short_number(0), "0");
    EXPECT_EQ(short_number(0.44), "0.4");
    EXPECT_EQ(short_number(9.94), "9.9");
    EXPECT_EQ(short_number(12.3), "12");
    EXPECT_EQ(short_number(999.4), "999");
    EXPECT_EQ(short_number(999.6), "1.0k");
    EXPECT_EQ(short_number(3.4e6), "3.4M");
    EXPECT_EQ(short_number(1e18), "1000000T");
}

TEST(Bar, IsEightCellsLongAtMost) {
    EXPECT_EQ(bar(0, false), "");
    EXPECT_EQ(bar(0.5, false), "####");
    EXPECT_EQ(bar(7, false), "########");
    EXPECT_EQ(bar(0.0 / 0.0, false), "");
    EXPECT_EQ(bar(1, true), "████████");
    EXPECT_EQ(bar(0.5 + 1.0 / 64, true), "████▏");
}

int sum(const std::vector<Box> &boxes) {
    int lines = 0;
    for (const Box &one : boxes) {
        if (one.lines != 0) {
            EXPECT_EQ(one.top, lines);
        }
        lines += one.lines;
    }
    return lines;
}

TEST(Layout, FillsTheScreenWhateverItsHeight) {
    for (int lines = 1; lines < 120; ++lines)
        for (const int rows : {1, 5, 200})
            EXPECT_EQ(sum(layout(lines, {rows, 9, 101}, 1, false)), lines) << lines;
    EXPECT_EQ(sum(layout(0, {1, 1, 1}, 0, false)), 0);
    EXPECT_EQ(sum(layout(-2, {1, 1, 1}, 0, false)), 0);
}

TEST(Layout, WhereThereIsNoRoomThePaneInFocusHasIt) {
    EXPECT_EQ(layout(8, {20, 20, 20}, 1, false)[1].lines, 8);
    EXPECT_EQ(layout(8, {20, 20, 20}, 1, false)[0].lines, 0);
    EXPECT_EQ(layout(60, {20, 20, 20}, 2, true)[2].lines, 60);
}

TEST(Layout, ALongPaneStarvesNoOther) {
    const auto boxes = layout(30, {500, 6, 500}, 0, false);
    EXPECT_EQ(boxes[1].lines, 6);
    EXPECT_EQ(boxes[0].lines, 12);
    EXPECT_EQ(boxes[2].lines, 12);
}

TEST(Obey, KeysChangeWhatTheySay) {
    TopState state;
    obey('\t', state);
    EXPECT_EQ(state.focus, Pane::drops);
    obey('S', state);
    EXPECT_EQ(state.view.sort[1], 2);
    obey('s', state);
    EXPECT_EQ(state.view.sort[1], 0);
    obey('r', state);
    EXPECT_TRUE(state.view.reverse[1]);
    for (const char key : std::string("/no-row\n")) obey(key, state);
    EXPECT_EQ(state.view.filter, "no-row");
    EXPECT_FALSE(state.typing);
    obey(27, state);
    EXPECT_EQ(state.view.filter, "");
    for (int i = 0; i < 100; ++i) obey('+', state);
    EXPECT_EQ(state.seconds, 60u);
    for (int i = 0; i < 100; ++i) obey('-', state);
    EXPECT_EQ(state.seconds, 1u);
    EXPECT_FALSE(obey('x', state));
    obey('?', state);
    EXPECT_TRUE(state.help);
    obey('q', state);  // leaves the help only
    EXPECT_FALSE(state.quit);
    obey('q', state);
    EXPECT_TRUE(state.quit);
}

TEST(Obey, AFilterTakesPrintableCharactersOnlyAndNotTooMany) {
    TopState state;
    obey('/', state);
    for (int key = 0; key < 127; ++key)
        if (key != '\n' && key != '\r' && key != 27) obey(key, state);
    EXPECT_EQ(state.view.filter.size(), 64u);
    obey(KEY_BACKSPACE, state);
    EXPECT_EQ(state.view.filter.size(), 63u);
}

pm_flow flow(std::uint64_t packets, std::uint64_t bytes) {
    pm_flow value = {};
    value.packets[PM_IN] = packets;
    value.bytes[PM_OUT] = bytes;
    return value;
}

pm_flow_key key(std::uint16_t port) {
    pm_flow_key value = {};
    value.remote_port = port;
    return value;
}

std::vector<unsigned> ports(const BusiestFlows &busy) {
    std::vector<unsigned> all;
    for (const BusiestFlows::Busy &one : busy.busiest()) all.push_back(one.key.remote_port);
    return all;
}

TEST(BusiestFlows, RanksByWhatWasSentSinceTheLastWalk) {
    BusiestFlows busy(2);
    busy.begin_walk(100);
    busy.add(key(1), flow(1000, 1'000'000), 1000);  // old and large: 1,000 bytes a second
    busy.add(key(2), flow(10, 5000), 1);
    busy.add(key(3), flow(1, 10), 1);
    busy.end_walk();
    EXPECT_THAT(ports(busy), ElementsAre(2, 1));

    busy.begin_walk(110);
    busy.add(key(1), flow(1000, 1'000'000), 1010);  // idle since
    busy.add(key(2), flow(20, 6000), 11);           // 100 bytes a second
    busy.add(key(3), flow(2, 50'010), 11);          // 5,000
    busy.end_walk();
    EXPECT_THAT(ports(busy), ElementsAre(3, 2));
    EXPECT_EQ(busy.busiest()[0].bytes, 5000);
    EXPECT_EQ(busy.busiest()[1].packets, 1);

    busy.begin_walk(120);
    busy.add(key(2), flow(1, 100), 2);  // the entry was recycled: 50 bytes a second of its life
    busy.end_walk();
    EXPECT_EQ(busy.busiest()[0].bytes, 50);
}

}  // namespace
}  // namespace pm::show
