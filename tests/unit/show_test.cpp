// SPDX-License-Identifier: Apache-2.0
// Snapshots as text and as JSON.
#include "loader/show/show.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/base/clock.h"
#include "loader/observe/flow_reader.h"
#include "loader/show/event.h"
#include "loader/show/table.h"
#include "loader/show/words.h"
#include "policy/image/catalog.h"

namespace pm::show {
namespace {

using nlohmann::json;

TEST(Table, AlignsByCharactersAndKeepsControlsOut) {
    Table table({{"NAME"}, {"N", Table::Align::right}});
    table.add({"grün", "1"});
    table.add({"a\033[31m", "200"});
    EXPECT_EQ(table.text(2, false),
              "  NAME      N\n"
              "  grün      1\n"
              "  a?[31m  200\n");
}

TEST(TimeText, IsRfc3339InUtc) {
    EXPECT_EQ(time_text(1'700'000'000'123'456'789), "2023-11-14T22:13:20.123Z");
}

TEST(SplitList, KeepsNoEmptyParts) {
    EXPECT_THAT(split_list("tcp,udp"), testing::ElementsAre("tcp", "udp"));
    EXPECT_THAT(split_list("47"), testing::ElementsAre("47"));
    EXPECT_THAT(split_list(""), testing::IsEmpty());
}

Snapshot snapshot() {
    Snapshot all;
    all.in_force.state.epoch = 17;
    all.in_force.mode = PM_MODE_AUDIT;
    all.in_force.catalog.policy = "test";
    all.in_force.catalog.generation = 41;
    all.in_force.catalog.applied_at = 1'700'000'000'000'000'000;
    all.flow_capacity = 65536;
    InterfaceStatus eth0;
    eth0.name = "eth0";
    eth0.attached.ingress = PM_XDP_GENERIC;
    eth0.drifted = true;
    CatalogRow row;
    row.id = "web-in";
    row.transport = "tcp,udp";
    row.port = "443,50000-59999";
    row.source_port = "any";
    row.source = "clients";
    row.destination = "edge";
    RowStatus counted{row, "matrix"};
    counted.count.packets[PM_IN] = 3;
    counted.count.bytes[PM_OUT] = 1500;
    counted.count.flows = 2;
    counted.live = 1;
    eth0.rows.push_back(counted);
    CatalogRow essential;
    essential.id = "essential-arp";
    eth0.rows.push_back({essential, "essential"});
    eth0.drops.push_back({PM_IN, "no-row", {1, 60, 0, 0}});
    eth0.drops.push_back({PM_OUT, "no-service", {0, 0, 2, 80}});
    all.interfaces.push_back(eth0);
    return all;
}

TEST(StatusJson, HasEveryFieldAndNullForWhatIsAbsent) {
    const json status = json::parse(status_json(snapshot()));
    EXPECT_EQ(status["interface"], "eth0");
    EXPECT_EQ(status["policy"]["generation"], 41);
    EXPECT_EQ(status["policy"]["applied_at"], "2023-11-14T22:13:20.000Z");
    EXPECT_EQ(status["mode"], "audit");
    EXPECT_EQ(status["drift"], "attachment");
    EXPECT_EQ(status["pending_confirm"], nullptr);
    EXPECT_EQ(status["ingress"], (json{{"kind", "xdp"}, {"mode", "generic"}}));
    EXPECT_EQ(status["egress"], nullptr);
    EXPECT_EQ(status["flows"], (json{{"live", 0}, {"capacity", 65536}}));

    const json &row = status["rows"][0];
    EXPECT_EQ(row["transport"], json::array({"tcp", "udp"}));
    EXPECT_EQ(row["direction"], "in");
    EXPECT_EQ(row["role"], nullptr);
    EXPECT_EQ(row["port"], "443,50000-59999");
    EXPECT_EQ(row["packets_in"], 3);
    EXPECT_EQ(row["bytes_out"], 1500);
    EXPECT_EQ(row["flows"], 1);
    EXPECT_EQ(row["flows_total"], 2);
    const json &essential = status["rows"][1];
    EXPECT_EQ(essential["section"], "essential");
    EXPECT_EQ(essential["transport"], json::array());
    EXPECT_EQ(essential["direction"], nullptr);
    EXPECT_EQ(essential["port"], nullptr);
}

TEST(StatusJson, SaysWhatComesBackUnlessItIsConfirmed) {
    Snapshot pending = snapshot();
    pending.in_force.seconds_left = 899;
    pending.in_force.fallback = {.generation = 40, .policy = "before", .mode = PM_MODE_ENFORCE};
    EXPECT_EQ(
        json::parse(status_json(pending))["pending_confirm"],
        (json{
            {"seconds_left", 899}, {"generation", 40}, {"policy", "before"}, {"mode", "enforce"}}));
    EXPECT_THAT(status_text(pending, {}),
                testing::HasSubstr("\nWILL ROLL BACK to generation 40 (before) in 14m59s unless: "
                                   "portmatrix confirm\n"));
    pending.in_force.fallback = {.generation = 41, .policy = "test", .mode = PM_MODE_AUDIT};
    EXPECT_EQ(pending_text(pending.in_force),
              "WILL ROLL BACK to audit, which drops nothing, in 14m59s unless: "
              "portmatrix confirm");
    pending.in_force.fallback = {};
    EXPECT_THAT(pending_text(pending.in_force),
                testing::HasSubstr("ROLL BACK to the policy before"));
}

std::size_t longest_line(const std::string &text) {
    std::size_t longest = 0, begin = 0;
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
        longest = std::max(longest, end - begin);
        begin = end + 1;
    }
    return longest;
}

TEST(Status, FitsInEightyColumnsAndLeavesOutWhatSawNothing) {
    Snapshot busy = snapshot();
    RowStatus &row = busy.interfaces[0].rows[0];
    row.row.id = "av-rtp-tcp-relay-out-123";
    for (const pm_direction direction : {PM_IN, PM_OUT}) {
        row.count.packets[direction] = 123'456'789;
        row.count.bytes[direction] = 98'765'432'109'876;
    }
    row.count.flows = 999'999;
    row.live = 65'535;
    busy.in_force.catalog.policy = "contoso-edge";
    const StatusView view = {
        .host = "edge1.contoso.example", .now = 1'700'000'000'000'000'000, .banned = 12};
    const std::string text = status_text(busy, view);
    EXPECT_LE(longest_line(text), 80) << text;
    EXPECT_THAT(
        text,
        testing::StartsWith(
            "edge1.contoso.example, 2023-11-14T22:13:20.000Z\n12 address ranges are banned: portmatrix bans\n"));
    EXPECT_THAT(text, testing::HasSubstr("mode audit, applied 0s ago\n"));
    EXPECT_THAT(text, testing::HasSubstr("123M"));
    EXPECT_THAT(text, testing::HasSubstr("  1 row saw nothing: --all shows all\n"));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("essential-arp")));

    const std::string whole = status_text(busy, {.whole = true});
    EXPECT_THAT(whole, testing::HasSubstr("essential-arp"));
    EXPECT_THAT(whole, testing::HasSubstr("123456789"));
}

TEST(Status, TellsOfADeviceThatWasRenamed) {
    Snapshot renamed = snapshot();
    renamed.interfaces[0].renamed = "wan0";
    EXPECT_EQ(json::parse(status_json(renamed))["drift"], "attachment");
    renamed.interfaces[0].drifted = false;
    EXPECT_EQ(json::parse(status_json(renamed))["drift"], "name");
    EXPECT_THAT(status_text(renamed, {}), testing::HasSubstr("its name is wan0 now"));
}

// The policy that boot falls back to was never applied, so there is no time of an apply.
TEST(Status, HasNoTimeWhereNoneIsKnown) {
    Snapshot fallback = snapshot();
    fallback.in_force.catalog.generation = 0;
    fallback.in_force.catalog.applied_at = 0;
    EXPECT_EQ(json::parse(status_json(fallback))["policy"]["applied_at"], nullptr);
    EXPECT_THAT(status_text(fallback, {}),
                testing::HasSubstr("eth0: test, generation 0, mode audit\n"));
}

TEST(StatusJson, KeepsDropsApartFromWhatAuditWouldDrop) {
    const json status = json::parse(status_json(snapshot()));
    EXPECT_EQ(status["drops"],
              json::parse(R"([{"direction":"in","reason":"no-row","packets":1,"bytes":60}])"));
    EXPECT_EQ(status["would_drop"],
              json::parse(R"([{"direction":"out","reason":"no-service","packets":2,"bytes":80}])"));
}

TEST(StatusText, SaysWhatIsNotAttachedAndHowGenericXdpCounts) {
    const std::string text = status_text(snapshot(), {});
    EXPECT_THAT(text, testing::HasSubstr("eth0: test, generation 41, mode audit, applied "));
    EXPECT_THAT(
        text,
        testing::HasSubstr(
            "ingress xdp generic, egress not attached\n  what was attached is gone: apply again\n  generic XDP counts merged packets"));
    EXPECT_THAT(text, testing::HasSubstr("\n  WOULD DROP  DIR  PACKETS  BYTES\n"
                                         "  no-service  out        2     80\n"));
}

TEST(FlowsJson, HasNoPortsWhereTheProtocolHasNone) {
    Flow flow;
    flow.interface = "eth0";
    flow.state = "unanswered";
    flow.key.protocol = 47;
    flow.key.local = parse_address("203.0.113.10")->abi();
    flow.key.remote = parse_address("2001:db8::1")->abi();
    flow.value.opener = PM_OUT;
    const json line = json::parse(flow_json(flow));
    EXPECT_EQ(line["row"], nullptr);
    EXPECT_EQ(line["direction"], "out");
    EXPECT_EQ(line["transport"], "47");
    EXPECT_EQ(line["local"], "203.0.113.10");
    EXPECT_EQ(line["local_port"], nullptr);
    EXPECT_EQ(line["remote_port"], nullptr);
}

TEST(FlowsJson, PortsAreTextAsInAFlowRecord) {
    Flow flow;
    flow.state = "established";
    flow.key.protocol = PM_PROTO_TCP;
    flow.key.local_port = 443;
    flow.key.remote_port = 40000;
    const json line = json::parse(flow_json(flow));
    EXPECT_EQ(line["local_port"], "443");
    EXPECT_EQ(line["remote_port"], "40000");
    const json record = json::parse(flow_record_json(FlowRecordHead{"end", "idle", 0, 0, 0}, flow));
    EXPECT_EQ(record["local_port"], "443");
    EXPECT_EQ(record["remote_port"], "40000");
}

TEST(DropJson, PortsAreText) {
    Drop drop;
    drop.what.destination_port = 22;
    const json line = json::parse(drop_json(drop));
    EXPECT_EQ(line["destination_port"], "22");
    EXPECT_EQ(line["source_port"], nullptr);
}

}  // namespace
}  // namespace pm::show
