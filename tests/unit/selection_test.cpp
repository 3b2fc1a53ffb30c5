// SPDX-License-Identifier: Apache-2.0
// Which flows and drops are wanted, and how a user says so.
#include "loader/observe/selection.h"

#include <gtest/gtest.h>

#include "loader/observe/drop.h"
#include "tests/support/addresses.h"

namespace pm {
namespace {

Selection selection_of(const SelectionWords &words) {
    auto selection = parse_selection(words);
    EXPECT_TRUE(selection) << selection.error().message;
    return selection.value_or(Selection{});
}

Traffic sip_from(const char *peer) {
    return {.peer = test::address(peer),
            .local_port = 5061,
            .remote_port = 40000,
            .transport = PM_PROTO_TCP,
            .direction = Direction::in,
            .slot = 16};
}

bool wants(const SelectionWords &words, const Traffic &traffic) {
    return selects(selection_of(words), traffic);
}

TEST(Selection, WithoutWordsWantsEverything) {
    EXPECT_TRUE(selection_of({}).is_any());
    EXPECT_TRUE(selects({}, {}));
    EXPECT_TRUE(wants({}, sip_from("198.51.100.7")));
}

TEST(Selection, APeerIsAnAddressOrAPrefixOfItsFamily) {
    const Traffic one = sip_from("198.51.100.7");
    EXPECT_TRUE(wants({.peer = "198.51.100.7"}, one));
    EXPECT_FALSE(wants({.peer = "198.51.100.8"}, one));
    EXPECT_TRUE(wants({.peer = "198.51.100.0/24"}, one));
    EXPECT_FALSE(wants({.peer = "198.51.101.0/24"}, one));
    EXPECT_TRUE(wants({.peer = "0.0.0.0/0"}, one));
    EXPECT_FALSE(wants({.peer = "::/0"}, one));
    EXPECT_TRUE(wants({.peer = "::/0"}, sip_from("2001:db8::1")));
    EXPECT_FALSE(wants({.peer = "0.0.0.0/0"}, Traffic{})) << "whose peer is not known";
}

TEST(Selection, PortIsOfEitherSide) {
    const Traffic one = sip_from("198.51.100.7");
    EXPECT_TRUE(wants({.port = "5061"}, one));
    EXPECT_TRUE(wants({.port = "40000"}, one));
    EXPECT_TRUE(wants({.port = "39000-40000"}, one));
    EXPECT_FALSE(wants({.port = "5062-39999"}, one));
    EXPECT_FALSE(wants({.port = "1-65535"}, Traffic{}));
}

TEST(Selection, ProtocolDirectionAndRow) {
    const Traffic one = sip_from("198.51.100.7");
    EXPECT_TRUE(wants({.protocol = "tcp"}, one));
    EXPECT_TRUE(wants({.protocol = "6"}, one));
    EXPECT_FALSE(wants({.protocol = "udp"}, one));
    EXPECT_TRUE(wants({.direction = Direction::in}, one));
    EXPECT_FALSE(wants({.direction = Direction::out}, one));
    Selection row;
    row.slot = 16;
    EXPECT_TRUE(selects(row, one));
    row.slot = 17;
    EXPECT_FALSE(selects(row, one));
}

TEST(Selection, ADropIsSeenFromThisHost) {
    Drop drop;
    drop.direction = PM_OUT;
    drop.what.source = test::address("203.0.113.10");
    drop.what.destination = test::address("198.51.100.7");
    drop.what.source_port = 40000;
    drop.what.destination_port = 25;
    drop.what.transport = PM_PROTO_TCP;
    const Traffic traffic = traffic_of(drop, 0);
    EXPECT_EQ(traffic.peer, test::address("198.51.100.7"));
    EXPECT_EQ(traffic.local_port, 40000);
    EXPECT_EQ(traffic.remote_port, 25);
    EXPECT_TRUE(wants({.peer = "198.51.100.0/24", .direction = Direction::out}, traffic));
}

TEST(Selection, SaysWhatIsWrongAndWhatToWrite) {
    struct {
        SelectionWords words;
        const char *message, *hint;
    } const cases[] = {
        {{.peer = "198.51.100.7/24"},
         "--peer: '198.51.100.7/24' has host bits set; the prefix is 198.51.100.0/24",
         "write an address or a prefix: --peer 198.51.100.7 or --peer 2001:db8:20::/64"},
        {{.port = "0"},
         "--port: '0' is no port and no range; ports are 1-65535",
         "write --port 5061 or --port 50000-59999"},
        {{.port = "sip"},
         "--port: 'sip' is no port and no range; ports are 1-65535",
         "write --port 5061 or --port 50000-59999"},
        {{.port = "70000"},
         "--port: '70000' is no port and no range; ports are 1-65535",
         "write --port 5061 or --port 50000-59999"},
        {{.port = "20-10"},
         "--port: the range '20-10' ends before it begins",
         "write --port 10-20"},
        {{.protocol = "tpc"},
         "'tpc' is no protocol",
         "write tcp, udp, icmp, icmpv6 or a number up to 255"},
        {{.port = "80", .protocol = "icmp"},
         "icmp has no ports",
         "leave out --port, or write --proto tcp or --proto udp"},
    };
    for (const auto &one : cases) {
        const auto selection = parse_selection(one.words);
        ASSERT_FALSE(selection) << one.message;
        EXPECT_EQ(selection.error().message, one.message);
        EXPECT_EQ(selection.error().hint, one.hint);
        EXPECT_EQ(selection.error().exit, Exit::usage);
    }
}

TEST(Selection, ARowAndAReasonThatAreNoneAreTold) {
    Catalog catalog;
    catalog.rows.resize(1);
    catalog.rows[0].id = "web-in";
    catalog.rows[0].slot = 18;
    EXPECT_EQ(row_slot(catalog, "web-in"), std::uint16_t{18});
    const auto wrong = row_slot(catalog, "web-on");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().message, "the policy in force has no row 'web-on'");
    EXPECT_EQ(wrong.error().hint, "did you mean 'web-in'?");

    EXPECT_EQ(reason_mask({}), ~std::uint64_t{0});
    EXPECT_EQ(reason_mask({"no-row", "banned"}),
              std::uint64_t{1} << PM_DROP_NO_ROW | std::uint64_t{1} << PM_DROP_BANNED);
    EXPECT_EQ(reason_mask({"no-rov"}).error().hint, "did you mean 'no-row'?");
}

}  // namespace
}  // namespace pm
