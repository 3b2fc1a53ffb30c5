// SPDX-License-Identifier: Apache-2.0
#include "policy/model/diff.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "policy/language/read.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

Policy read(const std::string &rows, const std::string &peers = "partners: 198.51.100.0/24") {
    const std::string text =
        "policy: test\nedge: { access: 203.0.113.10 }\npeers: { " + peers + " }\nmatrix:\n" + rows;
    ReadResult result = read_policy_text(text, "test", {});
    EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
    return std::move(*result.policy);
}

std::string row(const char *id, const char *port) {
    return std::string("  - { id: ") + id +
           ", transport: tcp, source: partners, destination: access, port: " + port + " }\n";
}

std::vector<std::string> lines(const std::vector<Change> &changes) {
    std::vector<std::string> text;
    for (const Change &one : changes)
        text.push_back(one.kind + " " + one.name + ": " + one.before + " -> " + one.after);
    return text;
}

TEST(Diff, HowASetIsWrittenDoesNotMatter) {
    EXPECT_TRUE(diff(read(row("a", "80")),
                     read(row("a", "80"), "partners: [198.51.100.0/25, 198.51.100.128/25]"))
                    .empty());
}

TEST(Diff, OrderIsADifference) {
    EXPECT_THAT(
        lines(diff(read(row("a", "80") + row("b", "81")), read(row("b", "81") + row("a", "80")))),
        testing::ElementsAre("setting order of rows: a first -> b first"));
}

TEST(Diff, AFieldIsNamed) {
    EXPECT_THAT(lines(diff(read(row("a", "80")), read(row("a", "[80, 8080]")))),
                testing::ElementsAre("row a: port 80 -> port 80,8080"));
}

TEST(Diff, ManyPrefixesAreCounted) {
    std::string many;
    for (int i = 0; i < 9; ++i) many += ", 192.0.2." + std::to_string(i * 2);
    EXPECT_THAT(lines(diff(read(row("a", "80")),
                           read(row("a", "80"), "partners: [198.51.100.0/24" + many + "]"))),
                testing::ElementsAre("set partners:  -> with 192.0.2.0, 192.0.2.2, 192.0.2.4 "
                                     "and 6 more"));
}

TEST(Diff, ASetThatIsSwitchedOff) {
    EXPECT_THAT(lines(diff(read(row("a", "80")), read(row("a", "80"), "partners: none"))),
                testing::ElementsAre("set partners: 198.51.100.0/24 -> none"));
}

TEST(Diff, AnExpectationIsASetting) {
    const std::string expect =
        "expect:\n  - { from: 198.51.100.1, to: access, transport: tcp, port: ";
    const std::string is_80 = expect + "80, verdict: pass }\n";
    const std::string is_81 = expect + "81, verdict: drop }\n";
    EXPECT_TRUE(diff(read(row("a", "80") + is_80), read(row("a", "80") + is_80)).empty());
    EXPECT_THAT(lines(diff(read(row("a", "80") + is_80), read(row("a", "80") + is_81))),
                testing::ElementsAre("setting expect: without { from: 198.51.100.1, to: access, "
                                     "transport: tcp, port: 80, verdict: pass } -> with { from: "
                                     "198.51.100.1, to: access, transport: tcp, port: 81, "
                                     "verdict: drop }"));
    EXPECT_THAT(lines(diff(read(row("a", "80") + is_80 + is_81.substr(8)),
                           read(row("a", "80") + is_81 + is_80.substr(8)))),
                testing::ElementsAre("setting expect:  -> in another order"));
}

// A list that was cut off while it was fetched.
TEST(Diff, ASetFileThatHasLostMoreThanHalfIsTold) {
    const test::TemporaryFolder folder;
    auto with = [&](int entries) {
        std::string lines;
        for (int i = 0; i < entries; ++i) lines += "192.0.2." + std::to_string(i) + "\n";
        const auto path = folder.write("set.txt", lines);
        return read(row("a", "80"), "partners: { file: " + path.string() + " }");
    };
    EXPECT_THAT(shrunk_sets(with(9), with(3)), testing::SizeIs(1));
    EXPECT_THAT(shrunk_sets(with(9), with(4)), testing::SizeIs(1));
    EXPECT_THAT(shrunk_sets(with(8), with(4)), testing::IsEmpty());
    EXPECT_THAT(shrunk_sets(with(3), with(9)), testing::IsEmpty());
    EXPECT_THAT(shrunk_sets(with(9), read(row("a", "80"))), testing::IsEmpty());  // written out
    EXPECT_THAT(shrunk_sets(read(row("a", "80")), with(1)), testing::IsEmpty());

    // Each file by itself: another one does not make up for it.
    auto with_two = [&](int shrinking, int except) {
        auto lines = [](int entries, const char *net) {
            std::string text;
            for (int i = 0; i < entries; ++i) text += net + std::to_string(i) + "\n";
            return text;
        };
        const auto large = folder.write("large.txt", lines(100, "192.0.2."));
        const auto small = folder.write("small.txt", lines(shrinking, "198.51.100."));
        const auto less = folder.write("less.txt", lines(except, "192.0.2."));
        return read(row("a", "80"),
                    fmt::format("partners: {{ of: [{{ file: {} }}, {{ file: {} }}], except: [{{ "
                                "file: {} }}] }}",
                                large.string(), small.string(), less.string()));
    };
    EXPECT_THAT(shrunk_sets(with_two(9, 9), with_two(9, 9)), testing::IsEmpty());
    EXPECT_THAT(shrunk_sets(with_two(9, 9), with_two(3, 9)),
                testing::ElementsAre(
                    testing::HasSubstr("small.txt' of set partners had 9 entries, and has 3 now")));
    EXPECT_THAT(shrunk_sets(with_two(9, 9), with_two(9, 3)),
                testing::ElementsAre(testing::HasSubstr("less.txt' of set partners")));
}

TEST(Diff, ARowsDigestIsOfWhatItOpens) {
    const auto digest_of = [](const std::string &rows, const std::string &peers) {
        return row_digests(read(rows, peers)).at("a");
    };
    const std::string before = digest_of(row("a", "80"), "partners: 198.51.100.0/24");
    EXPECT_EQ(before.size(), 16U);
    EXPECT_EQ(before, digest_of(row("b", "81") + row("a", "80"),
                                "partners: [198.51.100.0/25, 198.51.100.128/25]"));
    EXPECT_NE(before, digest_of(row("a", "81"), "partners: 198.51.100.0/24"));
    EXPECT_NE(before, digest_of(row("a", "80"), "partners: 198.51.100.0/25"));
    EXPECT_NE(before, digest_of(row("a", "80"), "partners: any"));
    EXPECT_NE(digest_of(row("a", "80"), "partners: any"),
              digest_of(row("a", "80"), "partners: none"));
}

TEST(Diff, OneLineSumsUp) {
    const auto line = [](const std::string &before, const std::string &after,
                         const std::string &peers = "partners: 198.51.100.0/24") {
        return summary(diff(read(before), read(after, peers)));
    };
    EXPECT_EQ(line(row("a", "80"), row("a", "80")), "");
    EXPECT_EQ(line(row("a", "80"), row("a", "81") + row("b", "82")),
              "1 row added (b), 1 row changed (a)");
    EXPECT_EQ(
        line(row("a", "80"), row("b", "80") + row("c", "81") + row("d", "82") + row("e", "83")),
        "4 rows added (b, c, d and 1 more), 1 row removed (a)");
    EXPECT_EQ(line(row("a", "80"), row("a", "80"), "partners: [198.51.100.0/25, 192.0.2.0/24]"),
              "set 'partners': 1 more, 1 fewer");
    EXPECT_EQ(line(row("a", "80"), row("a", "80"), "partners: any"), "set 'partners' changed");
    EXPECT_EQ(line(row("a", "80"), row("a", "80"), "partners: 198.51.100.0/24, others: 192.0.2.1"),
              "set 'others' added");
}

}  // namespace
}  // namespace pm
