// SPDX-License-Identifier: Apache-2.0
// How flows change between two walks, with a clock that the test sets.
#include "loader/export/flow_tracker.h"

#include <gmock/gmock.h>

#include "loader/kernel/jiffies.h"
#include "loader/kernel/program.h"

namespace pm::exporter {
namespace {

class Tracker : public testing::Test {
protected:
    struct Entry {
        pm_flow_key key = {};
        pm_flow flow = {};
    };
    Entry udp(std::uint16_t port, std::uint64_t packets = 1) const {
        Entry entry;
        entry.key.protocol = 17;
        entry.key.remote_port = port;
        entry.flow.start = entry.flow.last = now;
        entry.flow.row = 20;
        entry.flow.packets[PM_IN] = packets;
        entry.flow.bytes[PM_IN] = packets * 100;
        return entry;
    }
    void add(Entry &entry, std::uint64_t packets) const {
        entry.flow.packets[PM_IN] += packets;
        entry.flow.bytes[PM_IN] += packets * 100;
        entry.flow.last = now;
    }
    void pass(double seconds) {
        now += static_cast<std::uint32_t>(seconds * kernel_hz()) >> PM_STAMP_SHIFT;
    }
    std::vector<FlowRecord> walk(const std::vector<Entry> &entries, std::uint64_t opened) {
        std::vector<FlowRecord> records;
        tracker.begin(now, opened, interfaces);
        for (const Entry &one : entries) tracker.see(one.key, one.flow);
        tracker.end([&](const FlowRecord &one) { records.push_back(one); });
        return records;
    }

    FlowTracker tracker{60};
    std::uint16_t interfaces = 1;
    std::uint32_t now = 0xffffff00;  // about to wrap
};

// Whoever was told of a flow is told of its end, once, also where it has counted nothing since.
TEST_F(Tracker, TellsTheEndOfWhatItHasTold) {
    walk({}, 0);
    Entry told = udp(1), other = udp(2);
    pass(61);
    told.flow.last = other.flow.last = now;
    ASSERT_EQ(walk({told, other}, 2).size(), 2u);
    told.flow.marks |= PM_FLOW_CUT;
    auto records = walk({told, other}, 2);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::forced);
    EXPECT_EQ(records[0].packets[PM_IN] + records[0].packets[PM_OUT], 0u);
    EXPECT_THAT(walk({told, other}, 2), testing::IsEmpty());
    records.clear();
    tracker.finish([&](const FlowRecord &one) { records.push_back(one); });
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].key.remote_port, 2u);
}

// A flow of before the exporter, of which it has told nothing.
TEST_F(Tracker, TellsNoEndOfWhatItHasNotTold) {
    Entry old = udp(1, 5);
    pass(30);
    walk({old}, 1);
    old.flow.marks |= PM_FLOW_CUT;
    EXPECT_THAT(walk({old}, 1), testing::IsEmpty());
}

TEST_F(Tracker, TellsEachPacketOnce) {
    walk({}, 0);
    pass(5);
    Entry one = udp(1, 3);
    EXPECT_THAT(walk({one}, 1), testing::IsEmpty());
    pass(61);
    add(one, 4);
    auto records = walk({one}, 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::active);
    EXPECT_EQ(records[0].packets[PM_IN], 7u);
    pass(1);
    add(one, 2);
    pass(200);
    records = walk({one}, 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::idle);
    EXPECT_EQ(records[0].packets[PM_IN], 2u);
    EXPECT_EQ(records[0].bytes[PM_IN], 200u);
    EXPECT_THAT(walk({one}, 1), testing::IsEmpty());
    EXPECT_THAT(walk({}, 1), testing::IsEmpty());
    EXPECT_EQ(tracker.evictions(), 0u);
}

TEST_F(Tracker, TellsOfEarlierFlowsOnlyWhatIsNew) {
    Entry one = udp(1, 1000);
    pass(30);
    walk({one}, 1);
    pass(5);
    add(one, 5);
    std::vector<FlowRecord> records;
    walk({one}, 1);
    tracker.finish([&](const FlowRecord &record) { records.push_back(record); });
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].packets[PM_IN], 5u);
    EXPECT_EQ(records[0].reason, EndReason::forced);
}

TEST_F(Tracker, AMissingFlowWasEvictedIfItCouldBeLive) {
    walk({}, 0);
    pass(1);
    const Entry young = udp(1), old = udp(2);
    walk({young, old}, 2);
    pass(10);
    auto records = walk({old}, 2);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::evicted);
    EXPECT_EQ(tracker.evictions(), 1u);
    pass(121);
    records = walk({}, 2);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::idle);
    EXPECT_EQ(tracker.evictions(), 1u);
}

TEST_F(Tracker, FlowsThatNoWalkSawAreCounted) {
    walk({}, 50);
    pass(1);
    const Entry seen = udp(1);
    pass(5);
    walk({seen}, 50 + 8);
    EXPECT_EQ(tracker.never_seen(), 7u);
    EXPECT_EQ(tracker.evictions(), 7u);
}

// A flow that opens during the walk may be counted or not, so it is compared at the next walk.
TEST_F(Tracker, AFlowThatBeginsDuringAWalkIsNotMissed) {
    walk({}, 0);
    pass(10);
    tracker.begin(now, 0, interfaces);
    pass(1);
    const Entry one = udp(1);
    tracker.see(one.key, one.flow);
    tracker.end([](const FlowRecord &) {});
    EXPECT_EQ(tracker.never_seen(), 0u);
    pass(10);
    walk({one}, 1);
    EXPECT_EQ(tracker.never_seen(), 0u);
}

TEST_F(Tracker, AnEntryOpenedAnewIsAnotherFlow) {
    walk({}, 0);
    pass(1);
    const Entry before = udp(1, 3);
    walk({before}, 1);
    pass(130);
    Entry after = udp(1, 2);
    const auto records = walk({after}, 2);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].packets[PM_IN], 3u);
    EXPECT_EQ(records[0].reason, EndReason::idle);
    EXPECT_EQ(tracker.evictions(), 0u);
}

TEST_F(Tracker, APromotedFlowIsOne) {
    walk({}, 0);
    pass(1);
    Entry young = udp(1, 3), assured = udp(1, 5);
    walk({young, assured}, 1);
    EXPECT_EQ(tracker.live().at({0, 20}), 1u);
    young.flow.moved = 1;
    pass(61);
    add(assured, 1);
    const auto records = walk({young, assured}, 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].packets[PM_IN], 6u);
    EXPECT_EQ(tracker.evictions(), 0u);
}

TEST_F(Tracker, AClosedConnectionEndsAtOnce) {
    walk({}, 0);
    pass(1);
    Entry one = udp(1, 9);
    one.key.protocol = 6;
    one.flow.marks = PM_FLOW_ESTABLISHED | PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT;
    pass(3);
    auto records = walk({one}, 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::detected);
    EXPECT_THAT(walk({one}, 1), testing::IsEmpty());
    pass(10);
    EXPECT_THAT(walk({}, 1), testing::IsEmpty());
    EXPECT_EQ(tracker.evictions(), 0u);
}

TEST_F(Tracker, WhatIsCutOrDetachedIsNoEviction) {
    walk({}, 0);
    pass(1);
    Entry cut = udp(1), other = udp(2);
    walk({cut, other}, 2);
    cut.flow.marks = PM_FLOW_CUT;
    pass(1);
    auto records = walk({cut, other}, 2);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::forced);
    EXPECT_EQ(tracker.live().at({0, 20}), 1u);
    interfaces = 0;
    records = walk({}, 2);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, EndReason::forced);
    EXPECT_EQ(tracker.evictions(), 0u);
}

}  // namespace
}  // namespace pm::exporter
