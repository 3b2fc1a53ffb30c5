// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/unit/temporary.h"

namespace pm {
namespace {

using test::TemporaryFolder;

std::string row(const std::string &id, const std::string &port) {
    return "  - { id: " + id + ", transport: tcp, source: any, destination: access, port: " + port +
           " }\n";
}

// "id:port" of each row, in order.
std::vector<std::string> rows_of(const ReadResult &result) {
    std::vector<std::string> rows;
    EXPECT_TRUE(result.policy && !result.diagnostics.has_errors())
        << render(result.diagnostics, false);
    if (result.policy)
        for (const auto &each : result.policy->rows)
            rows.push_back(each.id + ":" + to_string(each.port));
    return rows;
}

using Rows = std::vector<std::string>;

class Include : public testing::Test {
protected:
    void SetUp() override {
        folder.write("base.yaml", "edge: { access: 192.0.2.1 }\nmatrix:\n" + row("x", "1") +
                                      row("y", "2") + row("z", "3"));
        folder.write("mid.yaml", "include: [base.yaml]\nmatrix:\n" + row("m", "4") + row("y", "5"));
        folder.write("side.yaml", "include: [base.yaml]\nmatrix:\n" + row("s", "6"));
    }

    ReadResult site(const std::string &text) {
        folder.write("site.yaml", "policy: site\n" + text);
        return folder.read("site.yaml", options);
    }

    TemporaryFolder folder;
    ReadOptions options;
};

TEST_F(Include, OwnRowsFirstThenEachInclude) {
    EXPECT_EQ(rows_of(site("include: [mid.yaml, side.yaml]\nmatrix:\n" + row("o", "7"))),
              (Rows{"o:7", "m:4", "x:1", "y:5", "z:3", "s:6"}));
    EXPECT_EQ(rows_of(site("include: [side.yaml, mid.yaml]\nmatrix:\n" + row("o", "7"))),
              (Rows{"o:7", "s:6", "x:1", "y:5", "z:3", "m:4"}));
}

TEST_F(Include, RowReplacesInPlaceThroughEveryLevel) {
    EXPECT_EQ(rows_of(site("include: [mid.yaml]\nmatrix:\n" + row("y", "8") + row("o", "7"))),
              (Rows{"o:7", "m:4", "x:1", "y:8", "z:3"}));
}

TEST_F(Include, RemoveDropsAndAnOwnRowMayThenStandFirst) {
    EXPECT_EQ(rows_of(site("include: [mid.yaml]\nremove: [x, y]\n")), (Rows{"m:4", "z:3"}));
    EXPECT_EQ(rows_of(site("include: [mid.yaml]\nremove: [y]\nmatrix:\n" + row("y", "8"))),
              (Rows{"y:8", "m:4", "x:1", "z:3"}));
}

TEST_F(Include, RemoveByAnIncludeLeavesTheRowsOfOthers) {
    folder.write("less.yaml", "include: [base.yaml]\nremove: [x]\n");
    folder.write("more.yaml", "include: [base.yaml]\nmatrix:\n" + row("x", "9"));
    EXPECT_EQ(rows_of(site("include: [less.yaml, side.yaml]\n")), (Rows{"y:2", "z:3", "s:6"}));
    EXPECT_EQ(rows_of(site("include: [less.yaml, more.yaml]\n")), (Rows{"y:2", "z:3", "x:9"}));
}

TEST_F(Include, FailsafeRowOfTheSiteReplacesAMatrixRow) {
    const auto result = site("include: [base.yaml]\nfailsafe:\n" + row("z", "3"));
    EXPECT_EQ(rows_of(result), (Rows{"z:3", "x:1", "y:2"}));
    EXPECT_EQ(result.policy->rows[0].section, Section::failsafe);
}

TEST_F(Include, SameFileByTwoNamesCountsOnce) {
    std::filesystem::create_symlink("base.yaml", folder.path() / "link.yaml");
    EXPECT_EQ(rows_of(site("include: [base.yaml, link.yaml, ./base.yaml]\n")),
              (Rows{"x:1", "y:2", "z:3"}));
}

TEST_F(Include, DefinitionsOfTheSiteReachIncludedRows) {
    folder.write("ports.yaml", "edge: { access: required }\nports: { media: 1-9 }\nmatrix:\n" +
                                   row("p", "media"));
    const auto result =
        site("include: [ports.yaml]\nedge: { access: 192.0.2.9 }\nports: { media: 5 }\n");
    EXPECT_EQ(rows_of(result), (Rows{"p:5"}));
    EXPECT_TRUE(
        result.policy->roles.at("access").addresses.contains(parse_address("192.0.2.9").value()));
}

TEST_F(Include, PathIsSearchedAfterTheFolder) {
    const TemporaryFolder first, second;
    first.write("lib.yaml", "edge: { access: 192.0.2.1 }\nmatrix:\n" + row("first", "1"));
    second.write("lib.yaml", "edge: { access: 192.0.2.1 }\nmatrix:\n" + row("second", "1"));
    second.write("deep/lib2.yaml", "include: [lib.yaml]\n");
    options.include_path = {first.path(), second.path()};
    EXPECT_EQ(rows_of(site("include: [lib.yaml]\n")), (Rows{"first:1"}));
    EXPECT_EQ(rows_of(site("include: [" + (second.path() / "lib.yaml").string() + "]\n")),
              (Rows{"second:1"}));
    EXPECT_EQ(rows_of(site("include: [deep/lib2.yaml]\n")), (Rows{"first:1"}));
    folder.write("lib.yaml", "edge: { access: 192.0.2.1 }\nmatrix:\n" + row("beside", "1"));
    EXPECT_EQ(rows_of(site("include: [lib.yaml]\n")), (Rows{"beside:1"}));
    second.write("deep/lib.yaml", "edge: { access: 192.0.2.1 }\nmatrix:\n" + row("deep", "1"));
    EXPECT_EQ(rows_of(site("include: [deep/lib2.yaml]\n")), (Rows{"deep:1"}));
}

TEST_F(Include, EightLevelsAreEnoughAndAllowed) {
    for (int i = 1; i < 8; ++i)
        folder.write("l" + std::to_string(i) + ".yaml",
                     "include: [l" + std::to_string(i + 1) + ".yaml]\n");
    folder.write("l8.yaml", "edge: { access: 192.0.2.1 }\nmatrix:\n" + row("deep", "1"));
    EXPECT_EQ(rows_of(site("include: [l1.yaml]\n")), (Rows{"deep:1"}));
}

TEST_F(Include, UnsafeFileIsRefused) {
    const auto path = folder.write("open.yaml", "edge: {}\n");
    std::filesystem::permissions(path, std::filesystem::perms::others_write,
                                 std::filesystem::perm_options::add);
    const auto result = site("include: [open.yaml]\n");
    ASSERT_EQ(result.diagnostics.errors(), 1);
    EXPECT_NE(result.diagnostics.all()[0].message.find("everybody may write to it"),
              std::string::npos);
}

}  // namespace
}  // namespace pm
