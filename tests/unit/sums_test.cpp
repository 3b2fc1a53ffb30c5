// SPDX-License-Identifier: Apache-2.0
// Sums of flows, which are exact, and of drops, which take bounded memory and know their error.
#include "loader/show/sums.h"

#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/observe/drop_log.h"
#include "loader/observe/drop_sums.h"
#include "loader/observe/flow_sums.h"
#include "loader/observe/space_saving.h"
#include "tests/support/addresses.h"

namespace pm {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Nothing {};

TEST(SpaceSaving, IsExactWhereThereIsRoom) {
    SpaceSaving<int, Nothing> sums(2);
    sums.add(1, 5);
    sums.add(2, 7);
    sums.add(1, 4);
    const auto all = sums.largest();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key, 1);
    EXPECT_EQ(all[0].sum, 9U);
    EXPECT_EQ(all[0].over, 0U);
    EXPECT_EQ(sums.total(), 16U);
}

// The three promises of the head of space_saving.h, against exact sums.
TEST(SpaceSaving, KeepsItsErrorWithinItsBound) {
    constexpr std::size_t most = 50;
    std::mt19937 random(7);
    std::geometric_distribution<int> key(0.01);
    SpaceSaving<int, Nothing> sums(most);
    std::map<int, std::uint64_t> exact;
    std::uint64_t total = 0;
    for (int i = 0; i < 20000; ++i) {
        const int one = key(random);
        const std::uint64_t amount = 1 + random() % 3;
        sums.add(one, amount);
        exact[one] += amount;
        total += amount;
    }
    std::map<int, std::uint64_t> found;
    for (const auto &one : sums.largest()) {
        found[one.key] = one.sum;
        EXPECT_GE(one.sum, exact[one.key]);
        EXPECT_LE(one.sum - one.over, exact[one.key]);
        EXPECT_LE(one.over, total / most);
    }
    EXPECT_EQ(found.size(), most);
    for (const auto &[one, amount] : exact)
        EXPECT_TRUE(found.contains(one) || amount <= total / most) << one;
}

TEST(SpaceSaving, WhatIsKeptBesideASumBeginsAnewWithItsKey) {
    SpaceSaving<int, std::string> sums(1);
    sums.add(1, 1) = "one";
    EXPECT_EQ(sums.add(1, 1), "one");
    EXPECT_EQ(sums.add(2, 1), "");
}

pm_flow_key flow_key(const char *peer, std::uint16_t local_port, std::uint16_t remote_port) {
    pm_flow_key key = {};
    key.local = test::address("203.0.113.10").abi();
    key.remote = test::address(peer).abi();
    key.local_port = local_port;
    key.remote_port = remote_port;
    key.protocol = PM_PROTO_TCP;
    return key;
}

pm_flow flow_of(std::uint16_t row, pm_direction opener, std::uint64_t bytes) {
    pm_flow flow = {};
    flow.row = row;
    flow.opener = opener;
    flow.packets[PM_IN] = 1;
    flow.bytes[PM_IN] = bytes;
    return flow;
}

// "PEER FLOWS BYTES", largest first.
std::vector<std::string> summed(SumBy by, FlowSums::Order order = FlowSums::Order::bytes) {
    FlowSums sums(by);
    sums.add(flow_key("198.51.100.7", 5061, 40000), flow_of(16, PM_IN, 100));
    sums.add(flow_key("198.51.100.7", 5061, 40001), flow_of(16, PM_IN, 50));
    sums.add(flow_key("198.51.100.8", 40000, 443), flow_of(17, PM_OUT, 70));
    sums.add(flow_key("2001:db8::1", 5061, 40000), flow_of(16, PM_IN, 500));
    sums.add(flow_key("2001:db8::2", 443, 40000), flow_of(17, PM_IN, 1));
    std::vector<std::string> all;
    for (const FlowSum &sum : sums.largest(order, 0)) {
        const Address of = {sum.of.high, sum.of.low};
        all.push_back((by == SumBy::peer || by == SumBy::prefix ? to_string(of)
                                                                : std::to_string(sum.of.low)) +
                      " " + std::to_string(sum.flows) + " " + std::to_string(sum.bytes[PM_IN]));
    }
    return all;
}

TEST(FlowSums, AreByPeerPrefixPortAndRow) {
    EXPECT_THAT(summed(SumBy::peer), testing::ElementsAre("2001:db8::1 1 500", "198.51.100.7 2 150",
                                                          "198.51.100.8 1 70", "2001:db8::2 1 1"));
    EXPECT_THAT(summed(SumBy::prefix),
                testing::ElementsAre("2001:db8:: 2 501", "198.51.100.0 3 220"));
    EXPECT_THAT(summed(SumBy::port), testing::ElementsAre("5061 3 650", "443 2 71"))
        << "the port that the opener went to";
    EXPECT_THAT(summed(SumBy::row), testing::ElementsAre("16 3 650", "17 2 71"));
    EXPECT_EQ(summed(SumBy::peer, FlowSums::Order::flows)[0], "198.51.100.7 2 150");
}

TEST(FlowSums, AsTextAndJson) {
    show::NamedFlowSum one;
    one.name = {"5061", "tcp"};
    one.sum.flows = 3;
    one.sum.bytes[PM_IN] = 650;
    EXPECT_THAT(show::flow_sums_text(SumBy::port, {one}, false), HasSubstr("\n5061/tcp      3"));
    EXPECT_EQ(json::parse(show::flow_sum_json(SumBy::port, one)),
              json::parse(R"({"by":"port","port":"5061","transport":"tcp","flows":3,"packets_in":0,
                  "bytes_in":650,"packets_out":0,"bytes_out":0})"));
    EXPECT_EQ(show::flow_sums_text(SumBy::peer, {}, false), "");
}

Drop drop_from(const char *peer, const char *reason, const char *row, std::uint16_t port,
               std::uint32_t packets = 1) {
    Drop drop;
    drop.time = 1'700'000'000'000'000'000;
    drop.interface = "eth0";
    drop.reason = reason;
    drop.row = row;
    drop.length = 60 * packets;
    drop.segments = packets;
    drop.what.protocol = "tcp";
    drop.what.transport = PM_PROTO_TCP;
    drop.what.source = test::address(peer);
    drop.what.destination_port = port;
    return drop;
}

TEST(DropSums, AreByReasonPeerAndRow) {
    DropSums sums;
    sums.add(drop_from("192.0.2.66", "no-row", "", 22, 3));
    sums.add(drop_from("192.0.2.66", "no-service", "", 23));
    sums.add(drop_from("192.0.2.7", "rate-limited", "sip", 5061));
    const std::string text = show::drop_sums_text(sums, false);
    EXPECT_THAT(text, HasSubstr("no-row        in         3    180\n"));
    EXPECT_THAT(text, HasSubstr("PEER        PACKETS\n192.0.2.66        4\n192.0.2.7         1\n"));
    EXPECT_THAT(text, HasSubstr("ROW  PACKETS  BYTES\nsip        1     60\n"));
    EXPECT_THAT(show::drop_sums_json(sums),
                HasSubstr(R"({"event":"sum","by":"peer","peer":"192.0.2.66","packets":4,)"
                          R"("uncertain":0})"));
}

TEST(DropSums, SayHowUncertainAPeerIs) {
    DropSums sums;
    for (unsigned i = 0; i < 2 * DropSums::peers_most; ++i) {
        const Address peer = Address::v4(0x0a000000 + i);
        sums.add(drop_from(to_string(peer).c_str(), "no-row", "", 22));
        sums.add(drop_from("192.0.2.66", "no-row", "", 22));
    }
    EXPECT_EQ(sums.peers().size(), DropSums::peers_most);
    const auto first = sums.peers().largest().front();
    EXPECT_EQ(to_string(first.key), "192.0.2.66");
    EXPECT_EQ(first.sum - first.over, 2 * DropSums::peers_most);
    EXPECT_THAT(show::drop_sums_text(sums, false),
                HasSubstr("and others: more peers than the 1024 that are counted; a peer that is "
                          "not here sent at most "));
}

MinuteOfDrops::Log a_minute() {
    MinuteOfDrops minute;
    for (std::uint16_t port = 1; port <= 20; ++port)
        minute.add(drop_from("192.0.2.66", "no-row", "", port));
    minute.add(drop_from("192.0.2.7", "rate-limited", "sip", 5061));
    minute.add(drop_from("192.0.2.7", "rate-limited", "sip", 5061));
    return minute.end(1'700'000'060'000'000'000, 60, 5);
}

TEST(DropLog, SumsAMinuteAndKeepsFewPorts) {
    const auto log = a_minute();
    ASSERT_EQ(log.lines.size(), 2U);
    EXPECT_EQ(log.lines[0].packets, 20U);
    EXPECT_EQ(to_string(log.lines[0].ports), "1,2,3,4,5,6,7,8,...");
    EXPECT_EQ(to_string(log.lines[1].ports), "5061");
    EXPECT_EQ(log.minute.packets, 22U);
    EXPECT_EQ(log.minute.listed, 22U);
    EXPECT_EQ(log.minute.lost, 5U);
}

TEST(DropLog, WritesNoMoreLinesThanItsBound) {
    MinuteOfDrops minute;
    for (unsigned i = 0; i < 3 * log_lines_most; ++i)
        minute.add(drop_from(to_string(Address::v4(0x0a000000 + i)).c_str(), "no-row", "", 22));
    const auto log = minute.end(0, 60, 0);
    EXPECT_EQ(log.lines.size(), log_lines_most);
    EXPECT_EQ(log.minute.packets, 3 * log_lines_most);
    EXPECT_EQ(log.minute.listed, log_lines_most);
    EXPECT_TRUE(minute.end(0, 60, 0).lines.empty()) << "the next minute begins with nothing";
}

TEST(DropLog, IsReadAsItWasWritten) {
    const auto log = a_minute();
    for (const LoggedDrops &line : log.lines) {
        const auto read = parse_log(log_fields(line));
        ASSERT_TRUE(read);
        EXPECT_EQ(std::get<LoggedDrops>(*read), line);
    }
    const auto minute = parse_log(log_fields(log.minute));
    ASSERT_TRUE(minute);
    EXPECT_EQ(std::get<LogMinute>(*minute), log.minute);
    EXPECT_FALSE(parse_log({{"MESSAGE", "something else"}}));
}

TEST(DropLog, IsReadableInTheJournalItself) {
    const auto log = a_minute();
    EXPECT_EQ(log_fields(log.lines[1]).at("MESSAGE"),
              "dropped 2 packets from 192.0.2.7 on eth0: rate-limited, tcp port 5061, row sip");
    EXPECT_EQ(log_fields(log.minute).at("MESSAGE"),
              "saw 22 packets dropped in 60 s, 22 of them in lines of their own; 5 more lost");
    Drop odd = drop_from("192.0.2.7", "no-row", "a\nMESSAGE=forged", 1);
    MinuteOfDrops minute;
    minute.add(odd);
    for (const auto &[name, value] : log_fields(minute.end(0, 60, 0).lines[0]))
        EXPECT_EQ(value.find('\n'), std::string::npos) << name;
}

bool log_wants(const SelectionWords &words, const LoggedDrops &line) {
    return selects(parse_selection(words).value(), line);
}

TEST(DropLog, IsSelectedLikeDrops) {
    const auto log = a_minute();
    const LoggedDrops &scan = log.lines[0], &sip = log.lines[1];
    EXPECT_TRUE(log_wants({.peer = "192.0.2.0/24"}, scan));
    EXPECT_FALSE(log_wants({.peer = "192.0.2.7"}, scan));
    EXPECT_TRUE(log_wants({.row = "sip"}, sip));
    EXPECT_FALSE(log_wants({.row = "sip"}, scan));
    EXPECT_TRUE(log_wants({.port = "5061", .protocol = "tcp"}, sip));
    EXPECT_FALSE(log_wants({.port = "5062"}, sip));
    EXPECT_TRUE(log_wants({.port = "5062"}, scan)) << "it has more ports than are named";
    EXPECT_FALSE(log_wants({.protocol = "udp"}, scan));
    EXPECT_FALSE(log_wants({.direction = Direction::out}, scan));
}

TEST(DropLog, SumsItsLinesUp) {
    const auto log = a_minute();
    std::vector<LoggedDrops> lines = log.lines;
    lines.push_back(log.lines[1]);
    lines.back().last = "2023-11-14T23:00:00.000Z";
    const auto sums = sum_up(lines);
    ASSERT_EQ(sums.size(), 2U);
    EXPECT_EQ(sums[1].packets, 4U);
    EXPECT_EQ(sums[1].first, "2023-11-14T22:13:20.000Z");
    EXPECT_EQ(sums[1].last, "2023-11-14T23:00:00.000Z");
    EXPECT_THAT(
        show::logged_sums_text(sums, false),
        HasSubstr("192.0.2.7   in   rate-limited  tcp    5061                       4  sip"));
    EXPECT_EQ(json::parse(show::logged_drops_json(log.lines[0]))["more_ports"], true);
    EXPECT_EQ(json::parse(show::log_minute_json(log.minute))["lost"], 5);
}

}  // namespace
}  // namespace pm
