// SPDX-License-Identifier: Apache-2.0
#include "loader/show/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/state/written.h"
#include "policy/model/date.h"

namespace pm::show {
namespace {

using testing::HasSubstr;

// Of one row, `tls-in`, for two partners of four.
struct AuditCase {
    Row row;
    Audit audit;

    AuditCase() {
        row.id = "tls-in";
        row.transports = {6};
        row.port = {{5061, 5061}};
        row.owner = "voice";
        row.ticket = "C-1";
        row.expires = parse_date("2027-03-31").value();
        audit.host = "edge|1";
        audit.at = 1'000'000'000;
        audit.generation = 8;
        audit.policy = "contoso";
        audit.since = AuditedChange{.generation = 8, .time = 1, .user = "ada", .action = "apply"};
        audit.expectations = 5;
        audit.failed = 1;
        audit.rows.push_back(
            {.row = &row,
             .here = {.name = "access", .form = {}, .prefixes = 1, .first = {"203.0.113.10"}},
             .peer = {.name = "partners",
                      .form = {},
                      .prefixes = 5,
                      .first = {"a/24", "b/24", "c/24", "d/24", "e/24"}},
             .change = AuditedChange{.generation = 7,
                                     .time = 2'000'000'000,
                                     .user = "bob",
                                     .action = "apply",
                                     .or_before = true},
             .expectations = 2});
    }
};

TEST(Audit, TextSaysWhatIsOpenToWhomSinceWhen) {
    const AuditCase one;
    const std::string text = audit_text(one.audit, false);
    EXPECT_THAT(text, HasSubstr("policy: contoso, generation 8\n"));
    EXPECT_THAT(text, HasSubstr("tests: 4 of 5 expectations hold\n"));
    EXPECT_THAT(text,
                HasSubstr("tls-in  matrix   in         tcp       5061  access: 203.0.113.10  "
                          "partners: a/24, b/24, c/24 and 2 more  voice  C-1     2027-03-31  2  "
                          "    or before apply "
                          "1970-01-01T00:00:02.000Z by bob (generation 7)\n"));
}

TEST(Audit, MarkdownIsATableWhateverTheNamesAre) {
    AuditCase one;
    one.audit.rows[0].peer.name = "a|b";
    const std::string text = audit_markdown(one.audit);
    EXPECT_THAT(text, HasSubstr("# What is open on edge\\|1\n"));
    EXPECT_THAT(
        text,
        HasSubstr("| tls-in | matrix | in | tcp | 5061 | access: 203.0.113.10 | a\\|b: "
                  "a/24, b/24, c/24 and 2 more | voice | C-1 | 2027-03-31 | 2 | or before apply"));
}

TEST(Audit, JsonHasAllThatIsKnown) {
    AuditCase one;
    auto json = nlohmann::json::parse(audit_json(one.audit));
    EXPECT_EQ(json["rows"][0]["peer"]["prefixes"], 5);
    EXPECT_EQ(json["rows"][0]["peer"]["first"].size(), 5U);
    EXPECT_EQ(json["rows"][0]["last_change"]["user"], "bob");
    EXPECT_EQ(json["expectations"]["failed"], 1);
    one.audit.rows[0].change.reset();
    json = nlohmann::json::parse(audit_json(one.audit));
    EXPECT_TRUE(json["rows"][0]["last_change"].is_null());
}

}  // namespace
}  // namespace pm::show

namespace pm {
namespace {

std::shared_ptr<const SourceFile> source_of(std::string name, std::string text) {
    return std::make_shared<const SourceFile>(SourceFile{name, name, std::move(text)});
}

TEST(Written, IsReadAsItWasWritten) {
    const WrittenFiles files =
        written_files({source_of("a\xff.yaml", "# ü\n"), source_of("b.yaml", "")});
    const auto read = parse_written(written_text(files));
    ASSERT_TRUE(read && read->size() == 2);
    EXPECT_EQ((*read)[0].text, "# ü\n");
    EXPECT_EQ((*read)[1].name, "b.yaml");
    EXPECT_EQ(written_text({}), "");
    EXPECT_FALSE(parse_written("[{\"file\":\"a\""));
}

TEST(Written, IsKeptUpToAMegabyte) {
    const std::string half(written_limit / 2, 'x');
    EXPECT_EQ(written_files({source_of("a", half), source_of("b", half)}).size(), 2U);
    EXPECT_TRUE(written_files({source_of("a", half), source_of("b", half + "x")}).empty());
}

}  // namespace
}  // namespace pm
