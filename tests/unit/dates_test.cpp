// SPDX-License-Identifier: Apache-2.0
// Rows with an owner, a ticket and a last day: read, compiled, judged, told. What the programs make
// of a date, tests/packet/dates_test.cpp asks the kernel.
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "loader/parachute/render.h"
#include "loader/show/show.h"
#include "loader/state/newest_time.h"
#include "policy/check/expect.h"
#include "policy/check/lint.h"
#include "policy/image/catalog.h"
#include "policy/judge/judge.h"
#include "policy/language/read.h"
#include "policy/model/date.h"
#include "policy/model/diff.h"
#include "policy/model/print.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"
#include "tests/unit/temporary.h"

namespace pm::dates {
namespace {

using test::PolicyBuilder;
using test::tcp;
using test::udp;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t second = 1'000'000'000;
const std::uint64_t long_past = parse_date("2020-02-29").value();
const std::uint64_t far = parse_date("2199-12-31").value();

TEST(Date, IsADayUntilItsEnd) {
    EXPECT_EQ(parse_date("2027-03-31"), 1'806'537'600 * second);  // 2027-04-01T00:00:00Z
    EXPECT_EQ(parse_date("2020-01-01"), 1'577'923'200 * second);
    for (const char *text : {"2020-02-29", "2027-03-31", "2199-12-31", "2200-12-31"})
        EXPECT_EQ(date_text(parse_date(text).value()), text);
    EXPECT_EQ(date_text(0), "");
}

TEST(Date, IsRealAndWrittenInOneWay) {
    for (const char *text :
         {"", "2027", "2027-3-31", "27-03-31", "2027-03-31 ", " 2027-03-31", "2027/03/31",
          "2027-03-31T00:00:00Z", "+027-03-31", "2027-0x-31", "31.03.2027"})
        EXPECT_THAT(parse_date(text).error(), HasSubstr("is no date: write year, month and day as"))
            << text;
    for (const char *text : {"2027-02-29", "2027-04-31", "2027-00-10", "2027-13-01", "2027-01-00"})
        EXPECT_EQ(parse_date(text).error(), fmt::format("there is no day {}", text));
    for (const char *text : {"2019-12-31", "2201-01-01", "9999-12-31", "0000-01-01"})
        EXPECT_EQ(parse_date(text).error(),
                  fmt::format("the year of {} is not within 2020 and 2200", text));
}

Policy read(const std::string &fields) {
    ReadResult result = read_policy_text(
        "policy: test\nedge: { access: 203.0.113.10 }\nmatrix:\n"
        "  - { id: web, transport: tcp, source: any, destination: access, port: 443" +
            fields + " }\n",
        "test", {});
    EXPECT_TRUE(result.policy && !result.diagnostics.has_errors())
        << render(result.diagnostics, false);
    return result.policy.value_or(Policy{});
}

TEST(Dates, AreReadPrintedAndReadAgain) {
    const Policy policy = read(", owner: \"Voice: 2\", ticket: CHG-7, expires: 2199-12-31");
    EXPECT_EQ(policy.rows[0].owner, "Voice: 2");
    EXPECT_EQ(policy.rows[0].ticket, "CHG-7");
    EXPECT_EQ(policy.rows[0].expires, far);
    const std::string text = print(policy);
    EXPECT_THAT(
        text, HasSubstr("\n    owner: \"Voice: 2\"\n    ticket: CHG-7\n    expires: 2199-12-31\n"));
    EXPECT_EQ(print(*read_policy_text(text, "again", {}).policy), text);
}

std::vector<std::string> changes(const std::string &before, const std::string &after) {
    std::vector<std::string> text;
    for (const Change &one : diff(read(before), read(after)))
        text.push_back(one.kind + " " + one.name + ": " + one.before + " -> " + one.after);
    return text;
}

TEST(Dates, AreADifference) {
    EXPECT_THAT(changes("", ", expires: 2199-12-31"),
                ElementsAre("row web: expires never -> expires 2199-12-31"));
    EXPECT_THAT(changes(", owner: a, ticket: x", ", owner: b, ticket: x"),
                ElementsAre("row web: owner a -> owner b"));
    EXPECT_NE(digest(read(", owner: a")), digest(read(", owner: b")));
}

// `web` permits the partner until `end`, `rest` permits everyone.
PolicyBuilder two_rows(std::uint64_t end) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).peers("partners", {"198.51.100.0/24"});
    b.peers("admins", {"10.9.0.0/24"});
    b.failsafe("ssh", {tcp}, "admins", "access", {{22, 22}});
    Row &web = b.row("web", {tcp}, "partners", "access", {{443, 443}});
    web.expires = end;
    web.owner = "voice";
    web.ticket = "CHG-7";
    return b;
}

TEST(Dates, AreInTheImage) {
    PolicyBuilder b = two_rows(far);
    b.row("rest", {tcp}, "any", "access", {{443, 443}});
    Image image = compile(b.policy).value();
    EXPECT_TRUE(image.header().flags & PM_IMAGE_DATES);
    EXPECT_EQ(image.header().utc, 0U) << "it is for the loader to say";
    const Question question = test::question("in tcp 198.51.100.7:40000 > 203.0.113.10:443");
    const ImageView view(image.bytes);
    const auto row_at = [&](std::uint64_t begun) {
        const std::uint32_t verdict =
            judge_first(view.view(), {}, {.now = 0, .begun = begun}, question);
        return pm_reason_of(verdict) ? std::string("dropped") : b.policy.rows[verdict].id;
    };
    EXPECT_EQ(row_at(0), "web");
    EXPECT_EQ(row_at(far - 1), "web");
    EXPECT_EQ(row_at(far), "rest");
    EXPECT_EQ(row_at(PM_AFTER_EVERY_DATE), "rest");
    const Catalog catalog = read_catalog(view.view()).value();
    EXPECT_EQ(catalog.rows[1].owner, "voice");
    EXPECT_EQ(catalog.rows[1].ticket, "CHG-7");
    EXPECT_EQ(catalog.rows[1].expires, far);
    EXPECT_EQ(catalog.rows[2].expires, 0U);
}

// A row whose date is earlier than that of a row before it never has its turn there.
TEST(Dates, OfManyRowsAreOneList) {
    PolicyBuilder b = two_rows(far - 3 * ns_per_day);
    const auto add = [&](const char *id, std::uint64_t end) {
        b.row(id, {tcp}, "partners", "access", {{443, 443}}).expires = end;
    };
    add("earlier", far - 5 * ns_per_day);
    add("later", far - ns_per_day);
    add("never-its-turn", far - 2 * ns_per_day);
    const Image image = compile(b.policy).value();
    const ImageView view(image.bytes);
    const Question question = test::question("in tcp 198.51.100.7:40000 > 203.0.113.10:443");
    std::vector<std::string> rows;
    for (int days = 6; days >= 0; --days) {
        const std::uint32_t verdict = judge_first(
            view.view(), {},
            {.now = 0, .begun = far - static_cast<std::uint64_t>(days) * ns_per_day}, question);
        rows.push_back(pm_reason_of(verdict) ? "no-row" : b.policy.rows[verdict].id);
    }
    EXPECT_THAT(rows, ElementsAre("web", "web", "web", "later", "later", "no-row", "no-row"));
}

TEST(Dates, AnImageWithoutThemIsThatOfBefore) {
    PolicyBuilder b = two_rows(0);
    Image image = compile(b.policy).value();
    EXPECT_FALSE(image.header().flags & PM_IMAGE_DATES);
    image.header().abi = PM_IMAGE_OLDEST;
    const auto catalog = read_catalog(ImageView(image.bytes).view());
    ASSERT_TRUE(catalog) << catalog.error();
    EXPECT_EQ(catalog->rows[1].id, "web");
    EXPECT_EQ(catalog->rows[1].destination, "access");
    EXPECT_EQ(catalog->rows[1].owner, "");
    image.header().abi = PM_IMAGE_OLDEST - 1;
    EXPECT_FALSE(read_catalog(ImageView(image.bytes).view()));
}

TEST(Dates, ExplainNamesTheRowThatHasExpired) {
    PolicyBuilder b = two_rows(long_past);
    const Question question = test::question("in tcp 198.51.100.7:40000 > 203.0.113.10:443");
    Image image = compile(b.policy).value();
    Answer answer = ask(b.policy, ImageView(image.bytes), question);
    EXPECT_FALSE(answer.pass);
    EXPECT_EQ(answer.reason, PM_DROP_NO_ROW);
    EXPECT_EQ(answer.why.text, "row 'web' would permit it, but its last day was 2020-02-29");
    b.row("rest", {tcp}, "any", "access", {{443, 443}});
    image = compile(b.policy).value();
    answer = ask(b.policy, ImageView(image.bytes), question);
    EXPECT_EQ(answer.row, "rest");
    EXPECT_THAT(answer.why.text,
                HasSubstr("; before it, row 'web' would permit it, but its last day was"));
    EXPECT_THAT(ask(b.policy, ImageView(image.bytes),
                    test::question("in tcp 192.0.2.7:40000 > 203.0.113.10:443"))
                    .why.text,
                Not(HasSubstr("last day")));
}

std::vector<std::string> findings(const Policy &policy) {
    Diagnostics diagnostics;
    lint(policy, diagnostics);
    std::vector<std::string> out;
    for (const Diagnostic &each : diagnostics.all())
        out.push_back(fmt::format("{}: {}", severity_name(each.severity), each.message));
    return out;
}

TEST(Dates, CheckWarnsBeforeAndAfter) {
    const std::uint64_t today = realtime_ns() / ns_per_day * ns_per_day;
    const auto in_days = [&](std::uint64_t days) { return today + days * ns_per_day; };
    EXPECT_THAT(findings(two_rows(far).policy), IsEmpty());
    EXPECT_THAT(findings(two_rows(in_days(20)).policy), IsEmpty());
    EXPECT_THAT(findings(two_rows(in_days(14)).policy),
                ElementsAre(fmt::format("warning: row 'web' expires soon: its last day is {} (UTC)",
                                        date_text(in_days(14)))));
    EXPECT_THAT(
        findings(two_rows(today).policy),
        ElementsAre(fmt::format("warning: row 'web' has expired: its last day was {}, and new "
                                "flows go to the next row that permits them",
                                date_text(today))));
}

// What a row with a date takes for now, a later row has then.
TEST(Dates, ARowBehindOneWithADateIsNotDead) {
    PolicyBuilder b = two_rows(far);
    b.row("next", {tcp}, "partners", "access", {{443, 443}});
    EXPECT_THAT(
        findings(b.policy),
        ElementsAre("note: row 'next' overlaps row 'web', which comes first: what both permit "
                    "is counted by the first"));
    b.policy.rows[1].expires = long_past;
    EXPECT_THAT(findings(b.policy), ElementsAre(HasSubstr("row 'web' has expired")));
    b.policy.rows[1].expires = 0;
    b.policy.rows[2].expires = far;
    EXPECT_THAT(findings(b.policy), ElementsAre(HasSubstr("row 'next' can never match")));
}

TEST(Dates, ExpectJudgesAsOfNow) {
    PolicyBuilder b = two_rows(long_past);
    Expectation wanted;
    wanted.from_address = test::question("in tcp 198.51.100.7:1 > 203.0.113.10:443").from;
    wanted.to_role = "access";
    wanted.transport = PM_PROTO_TCP;
    wanted.port = {{443, 443}};
    wanted.pass = true;
    b.policy.expect = {wanted};
    Diagnostics failed, held;
    check_expectations(b.policy, ImageView(compile(b.policy)->bytes), failed);
    EXPECT_TRUE(failed.has_errors());
    EXPECT_THAT(render(failed, false), HasSubstr("its last day was 2020-02-29"));
    b.policy.rows[1].expires = far;
    check_expectations(b.policy, ImageView(compile(b.policy)->bytes), held);
    EXPECT_FALSE(held.has_errors());
}

TEST(Dates, TheParachuteHasThem) {
    PolicyBuilder b = two_rows(far);
    b.row("gone", {udp}, "partners", "access", {{5060, 5060}}).expires = long_past;
    const std::string commands = parachute::render(b.policy).commands;
    EXPECT_THAT(commands,
                HasSubstr(fmt::format(R"("op":"<","left":{{"meta":{{"key":"time"}}}},"right":{})",
                                      far / second)));
    EXPECT_THAT(commands, Not(HasSubstr("5060")));
}

TEST(Dates, StatusNamesThem) {
    Snapshot snapshot;
    snapshot.in_force.state.epoch = 17;
    snapshot.utc = parse_date("2027-03-31").value();
    InterfaceStatus eth0;
    eth0.name = "eth0";
    for (const auto &[id, day] : {std::pair("past", "2027-03-31"), std::pair("soon", "2027-04-13"),
                                  std::pair("later", "2027-06-01")}) {
        CatalogRow row;
        row.id = id;
        row.transport = "tcp";
        row.owner = "voice";
        row.expires = parse_date(day).value();
        snapshot.in_force.catalog.rows.push_back(row);
        eth0.rows.push_back({row, "matrix"});
    }
    snapshot.interfaces.push_back(eth0);
    const std::string text = show::status_text(snapshot, {});
    EXPECT_THAT(text, HasSubstr("1 row has expired: past (2027-03-31)\n"
                                "1 row expires soon: soon (2027-04-13)\n"));
    EXPECT_THAT(text, Not(HasSubstr("later (")));
    const auto rows = nlohmann::json::parse(show::status_json(snapshot))["rows"];
    EXPECT_EQ(rows[0]["expired"], true);
    EXPECT_EQ(rows[0]["expires"], "2027-03-31");
    EXPECT_EQ(rows[0]["owner"], "voice");
    EXPECT_EQ(rows[0]["ticket"], nullptr);
    EXPECT_EQ(rows[1]["expired"], false);
}

// A host that boots with a clock that is behind.
TEST(NewestTime, IsNeverGoneBackOn) {
    const test::TemporaryFolder folder;
    Paths paths;
    paths.state = folder.path() / "state";
    EXPECT_EQ(newest_time(paths), 0U);
    const std::uint64_t by_the_clock = utc_offset(paths).value();
    EXPECT_NEAR(static_cast<double>(by_the_clock),
                static_cast<double>(realtime_ns() - boottime_ns()), 1e9);
    ASSERT_TRUE(keep_newest_time(paths));
    EXPECT_LE(newest_time(paths).value(), realtime_ns());
    EXPECT_GE(newest_time(paths).value() + 10 * second, realtime_ns());
    ASSERT_TRUE(write_file(newest_time_file(paths), fmt::format("{}\n", far / second)));
    EXPECT_NEAR(static_cast<double>(utc_offset(paths).value()),
                static_cast<double>(far - boottime_ns()), 1e9);
    ASSERT_TRUE(keep_newest_time(paths));
    EXPECT_EQ(newest_time(paths), far) << "the clock is behind";
}

TEST(NewestTime, ThatIsDamagedIsAFault) {
    const test::TemporaryFolder folder;
    Paths paths;
    paths.state = folder.path();
    for (const char *text : {"", "\n", "tomorrow\n", "-1\n", "1 2\n", "99999999999999999999\n"}) {
        std::ofstream(newest_time_file(paths)) << text;
        EXPECT_THAT(newest_time(paths).error().message, HasSubstr("is no time")) << text;
        EXPECT_THAT(newest_time(paths).error().hint, HasSubstr("rm "));
        EXPECT_FALSE(utc_offset(paths));
    }
}

}  // namespace
}  // namespace pm::dates
