// SPDX-License-Identifier: Apache-2.0
#include "policy/base/diagnostic.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "policy/base/text.h"

namespace pm {
namespace {

std::shared_ptr<const SourceFile> file_of(const std::string &text) {
    return std::make_shared<const SourceFile>(SourceFile{"policy.yaml", "/etc/policy.yaml", text});
}

std::string rendered(const std::string &text, int line, int column, int width) {
    Diagnostics diagnostics;
    diagnostics.error({file_of(text), line, column, width}, "it is wrong");
    return render(diagnostics, false);
}

TEST(Diagnostic, ShowsPlaceLineCaretAndHint) {
    Diagnostics diagnostics;
    diagnostics.error({file_of("a\n    source: partner\n"), 2, 13, 7},
                      "peers 'partner' is not defined", "did you mean 'partners'?");
    EXPECT_EQ(render(diagnostics, false),
              "policy.yaml:2:13: error: peers 'partner' is not defined\n"
              "    source: partner\n"
              "            ^~~~~~~\n"
              "  hint: did you mean 'partners'?\n");
}

TEST(Diagnostic, WarningHasWitness) {
    Diagnostics diagnostics;
    diagnostics.warning({file_of("id: a\n"), 1, 5, 1}, "row 'a' can never match",
                        "tcp 198.51.100.7:40000 -> 203.0.113.10:5061", "delete one");
    EXPECT_EQ(render(diagnostics, false),
              "policy.yaml:1:5: warning: row 'a' can never match\n"
              "id: a\n"
              "    ^\n"
              "  witness: tcp 198.51.100.7:40000 -> 203.0.113.10:5061\n"
              "  hint: delete one\n");
    EXPECT_FALSE(diagnostics.has_errors());
    EXPECT_EQ(diagnostics.warnings(), 1);
}

TEST(Diagnostic, ANoteIsNeitherErrorNorWarning) {
    Diagnostics diagnostics;
    diagnostics.note({file_of("id: a\n"), 1, 5, 1}, "rows overlap", "");
    EXPECT_EQ(render(diagnostics, false), "policy.yaml:1:5: note: rows overlap\nid: a\n    ^\n");
    EXPECT_FALSE(diagnostics.has_errors());
    EXPECT_EQ(diagnostics.warnings(), 0);
    EXPECT_EQ(diagnostics.notes(), 1);
}

TEST(Diagnostic, WithoutLineOrFile) {
    Diagnostics diagnostics;
    diagnostics.error({file_of("")}, "the file is empty");
    diagnostics.error({}, "cannot read policy 'x': no such file or directory (ENOENT)");
    EXPECT_EQ(render(diagnostics, false),
              "policy.yaml: error: the file is empty\n"
              "portmatrix: error: cannot read policy 'x': no such file or directory (ENOENT)\n");
    EXPECT_EQ(diagnostics.errors(), 2);
}

TEST(Diagnostic, ColourMarksOnlyWhatIsOurs) {
    Diagnostics diagnostics;
    diagnostics.error({file_of("abc"), 1, 2, 2}, "it is wrong");
    EXPECT_EQ(render(diagnostics, true),
              "\033[1mpolicy.yaml:1:2:\033[0m \033[1;31merror:\033[0m it is wrong\n"
              "abc\n"
              " \033[1;31m^~\033[0m\n");
}

TEST(Diagnostic, CaretCountsCharacters) {
    EXPECT_EQ(rendered("n\xc3\xa4me: x\n", 1, 7, 1),
              "policy.yaml:1:7: error: it is wrong\nn\xc3\xa4me: x\n      ^\n");
}

TEST(Diagnostic, NothingReachesTheTerminalUnseen) {
    EXPECT_EQ(rendered("\033[31m\ta\xff", 1, 1, 1),
              "policy.yaml:1:1: error: it is wrong\n?[31m a?\n^\n");
}

TEST(Diagnostic, LongLinesAreCut) {
    const auto text = rendered(std::string(1000, 'x') + "y" + std::string(1000, 'z'), 1, 1001, 1);
    EXPECT_EQ(text, "policy.yaml:1:1001: error: it is wrong\n..." + std::string(60, 'x') + "y" +
                        std::string(59, 'z') + "...\n" + std::string(63, ' ') + "^\n");
}

TEST(Diagnostic, ManyAreCut) {
    Diagnostics diagnostics;
    for (int i = 0; i < 1203; ++i) diagnostics.error({}, "it is wrong");
    const auto text = render(diagnostics, false);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 201);
    EXPECT_TRUE(text.ends_with("portmatrix: 1003 more findings are not shown\n"));
}

TEST(Nearest, FindsWhatWasMeant) {
    const std::vector<std::string> names{"clients", "partners", "admins", "a"};
    EXPECT_EQ(nearest("partner", names), "partners");
    EXPECT_EQ(nearest("cleints", names), "clients");
    EXPECT_EQ(nearest("admins", names), "admins");
    EXPECT_EQ(nearest("zebras", names), "");
    EXPECT_EQ(nearest("b", names), "");
    EXPECT_EQ(nearest("", names), "");
    EXPECT_EQ(nearest(std::string(100'000, 'a'), names), "");
}

TEST(Diagnostic, CitesNoControlCharacterOfAFilesName) {
    const Location where{
        std::make_shared<const SourceFile>(SourceFile{"a\033[31mb.yaml", "/etc/b.yaml", "x"}), 3};
    EXPECT_EQ(cite(where), "a?[31mb.yaml:3");
}

TEST(Text, KnowsUtf8) {
    EXPECT_EQ(first_code_point("\xe2\x82\xac").value, 0x20acU);
    EXPECT_EQ(first_code_point("\xf0\x9f\x98\x80").length, 4U);
    for (const auto *broken : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                               "\xf4\x90\x80\x80", "\xe2\x82", "\xff"})
        EXPECT_EQ(first_code_point(broken).length, 0U) << quote(broken);
}

TEST(Text, QuotesSafely) {
    EXPECT_EQ(quote("a\033b\xc2\x85"), "'a?b?'");
    EXPECT_EQ(printable("a\u202eb\u2066c\u2028d\n"), "a?b?c?d?");
    EXPECT_EQ(printable_lines("a\033\nb\u009b31m\n\n"), "a?\nb?31m\n\n");
    EXPECT_EQ(printable_lines("a\xff"), "a?");
    EXPECT_EQ(escaped("\u00e4\033[31m\xff\n\u009b"), "\u00e4\\x1b[31m\\xff\\x0a\\xc2\\x9b");
    EXPECT_EQ(json_escaped("\"\u00e4\u202e\x7f\u009b\u00a0\""),
              "\"\u00e4\\u202e\\u007f\\u009b\u00a0\"");
    EXPECT_TRUE(is_utf8("a\033\u00e4"));
    EXPECT_FALSE(is_utf8("a\xff"));
    EXPECT_EQ(quote(std::string(79, 'a') + "\xe2\x82\xac"), "'" + std::string(79, 'a') + "...'");
}

TEST(Text, IsShortenedWhereACharacterBegins) {
    EXPECT_EQ(shortened("degraded", 8), "degraded");
    EXPECT_EQ(shortened("degraded", 7), "degr...");
    EXPECT_EQ(shortened("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 8), "\xe2\x82\xac...");
}

}  // namespace
}  // namespace pm
