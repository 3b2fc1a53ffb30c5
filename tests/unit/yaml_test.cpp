// SPDX-License-Identifier: Apache-2.0
#include "policy/language/yaml.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pm {
namespace {

std::optional<Node> parse(const std::string &text, Diagnostics &diagnostics) {
    return parse_yaml(
        std::make_shared<const SourceFile>(SourceFile{"policy.yaml", "/policy.yaml", text}),
        diagnostics);
}

// The first line of the only finding, or nothing.
std::string fault(const std::string &text) {
    Diagnostics diagnostics;
    const bool whole = parse(text, diagnostics).has_value();
    EXPECT_NE(whole, diagnostics.has_errors());
    const auto shown = render(diagnostics, false);
    return shown.substr(0, shown.find('\n'));
}

TEST(Yaml, KeepsTextAndPlaces) {
    Diagnostics diagnostics;
    const auto root = parse("port: 010\n\xc3\xa4: { b: [\"x y\", off], c: }\nd: ~\n", diagnostics);
    ASSERT_TRUE(root) << render(diagnostics, false);
    ASSERT_EQ(root->entries.size(), 3U);
    EXPECT_EQ(root->entries[0].value.text, "010");
    EXPECT_EQ(root->entries[0].value.column, 7);

    const Node &map = root->entries[1].value;
    ASSERT_EQ(map.kind, Node::Kind::map);
    const Node &list = map.entries[0].value;
    ASSERT_EQ(list.items.size(), 2U);
    EXPECT_EQ(list.items[0].text, "x y");
    EXPECT_EQ(list.items[0].line, 2);
    EXPECT_EQ(list.items[0].column, 10);  // characters, not bytes
    EXPECT_EQ(list.items[0].width, 5);
    EXPECT_EQ(list.items[1].text, "off");

    const Node &empty = map.entries[1].value;
    EXPECT_EQ(empty.kind, Node::Kind::null);
    EXPECT_EQ(empty.column, map.entries[1].key.column);
    EXPECT_EQ(root->entries[2].value.kind, Node::Kind::null);
}

TEST(Yaml, RefusesOtherEncodings) {
    EXPECT_EQ(fault("\xef\xbb\xbf"
                    "a: b\n"),
              "policy.yaml:1:1: error: a byte order mark (U+FEFF)");
    EXPECT_EQ(fault(std::string("\xff\xfe"
                                "a\0",
                                4)),
              "policy.yaml:1:1: error: byte 0xff is not UTF-8");
    EXPECT_EQ(fault("a: b\xe4\n"), "policy.yaml:1:5: error: byte 0xe4 is not UTF-8");
    EXPECT_EQ(fault("a: \xc0\xaf\n"), "policy.yaml:1:4: error: byte 0xc0 is not UTF-8");
    EXPECT_EQ(fault("a: b\r\n"),
              "policy.yaml:1:5: error: a carriage return: the lines end as on Windows");
    Diagnostics diagnostics;
    parse("\xef\xbb\xbf", diagnostics);
    EXPECT_EQ(diagnostics.all()[0].hint, "save the file as UTF-8 without a byte order mark");
}

TEST(Yaml, RefusesControlCharacters) {
    EXPECT_EQ(fault(std::string("a: b\0c\n", 7)),
              "policy.yaml:1:5: error: control character U+0000");
    EXPECT_EQ(fault("a: b\n# \033[2J\n"), "policy.yaml:2:3: error: control character U+001B");
    EXPECT_EQ(fault("a: b\xc2\x9b\n"), "policy.yaml:1:5: error: control character U+009B");
    EXPECT_EQ(fault("a: \"b\\0c\"\n"),
              "policy.yaml:1:4: error: control character U+0000 in a text");
    EXPECT_EQ(fault("a: \"\\x7f\"\n"),
              "policy.yaml:1:4: error: control character U+007F in a text");
    EXPECT_EQ(fault("a: \"b\\uFEFFc\"\n"),
              "policy.yaml:1:4: error: control character U+FEFF in a text");
    EXPECT_EQ(fault("a: b\tc # \t\n"),
              "policy.yaml:1:4: error: control character U+0009 in a text");
    EXPECT_EQ(fault("a: b # \t\n"), "");
}

TEST(Yaml, RefusesEscapesThatAreNoCharacters) {
    EXPECT_EQ(
        fault("a: \"\\ud800\"\n"),
        "policy.yaml:1:11: error: not valid YAML: what follows the backslash is no character");
    EXPECT_EQ(fault("a: \"\\u20ac\"\n"), "");
}

// In our words, whichever words the library's version has.
TEST(Yaml, FaultsOfSyntaxAreSaidInOurWords) {
    const struct {
        const char *text, *fault, *hint;
    } cases[] = {
        {"a: [1, 2\n", "2:1: not valid YAML: a '[' is not closed",
         "close it with ']', and put a comma between its items"},
        {"a: {b: 1\n", "2:1: not valid YAML: a '{' is not closed",
         "close it with '}', and put a comma between its entries"},
        {"a: {b: 1]\n", "1:9: not valid YAML: no '[' or '{' before it is closed by this",
         "close '[' with ']' and '{' with '}'"},
        {"a: 1\n- b\n", "2:1: not valid YAML: this does not go on with the map or list before it",
         "indent what belongs together alike, and quote a text as a whole"},
        {"a: b: c\n", "1:5: not valid YAML: a ':' where no value can stand",
         "begin each key on a line of its own, indent with spaces, and quote a text that has ': ' in it"},
        {"a: - b\n", "1:4: not valid YAML: a list item ('- ') where none can stand",
         "begin the list on a line of its own, or write it as [...]"},
        {"a: \"b\n---\nc\"\n", "2:1: not valid YAML: a text in quotes is not ended",
         "end it with the quote that it begins with"},
        {"a: @b\n", "1:4: not valid YAML: a text cannot begin with this character",
         "put the text in quotes"},
        {"a: \"\\q\"\n", "1:7: not valid YAML: what follows the backslash is no character",
         "write the character itself, or put the text in single quotes"},
        {"a: |q\n  b\n", "1:5: not valid YAML: what follows '|' or '>' is not known",
         "write the text on the same line"},
        {"%YAML 3.0\n---\na: b\n", "1:1: not valid YAML: a directive (%NAME) that is not known",
         "remove the line"},
        {"a: *b\n", "1:4: aliases (*name) are not allowed", "write the value out"},
        {"a: *\n", "1:5: aliases (*name) are not allowed", "write the value out"},
        {"a: &\n", "1:5: anchors (&name) are not allowed", "write the value out"},
        {"a: !b !c d\n", "1:7: tags (!name) are not allowed",
         "remove the tag; all values are text"},
    };
    for (const auto &[text, fault, hint] : cases) {
        Diagnostics diagnostics;
        EXPECT_FALSE(parse(text, diagnostics)) << text;
        ASSERT_EQ(diagnostics.all().size(), 1U) << text;
        const Diagnostic &one = diagnostics.all()[0];
        EXPECT_EQ(fmt::format("{}:{}: {}", one.where.line, one.where.column, one.message), fault);
        EXPECT_EQ(one.hint, hint);
    }
}

TEST(Yaml, FoldsBlocksAndRefusesLines) {
    Diagnostics diagnostics;
    const auto root = parse("a: >\n  one\n  line\n\nb: |\n  two\n", diagnostics);
    ASSERT_TRUE(root) << render(diagnostics, false);
    EXPECT_EQ(root->entries[0].value.text, "one line");
    EXPECT_EQ(root->entries[1].value.text, "two");
    EXPECT_EQ(fault("a: |\n  x\n  y\n"),
              "policy.yaml:1:4: error: control character U+000A in a text");
}

TEST(Yaml, TagsAreNotQuotes) {
    EXPECT_EQ(fault("a: ! b\n"), "policy.yaml:1:4: error: tags (!name) are not allowed");
    EXPECT_EQ(fault("a: !!int 5\n"), "policy.yaml:1:4: error: tags (!name) are not allowed");
    EXPECT_EQ(fault("a: !!map {}\n"), "policy.yaml:1:4: error: tags (!name) are not allowed");
    EXPECT_EQ(fault("a: '!b'\n"), "");
    EXPECT_EQ(fault("a: \"!b\"\nc: '*d'\ne: '&f'\n"), "");
    EXPECT_EQ(fault("&x a: b\n"), "policy.yaml:1:1: error: anchors (&name) are not allowed");
    EXPECT_EQ(fault("a: &x\n"), "policy.yaml:1:4: error: anchors (&name) are not allowed");
}

TEST(Yaml, DocumentsAndEmptiness) {
    EXPECT_EQ(fault("---\na: b\n"), "");
    EXPECT_EQ(fault("a: b\n...\n"), "");
    EXPECT_EQ(
        fault("a: b\n...\n---\nc: d\n"),
        "policy.yaml:3:1: error: a second YAML document begins here; a policy file is one document");
    EXPECT_EQ(fault(""), "policy.yaml: error: the file is empty");
    EXPECT_EQ(fault("\n# x\n"), "policy.yaml: error: the file is empty");
    EXPECT_EQ(fault("---\n"), "policy.yaml: error: the file is empty");
    EXPECT_EQ(fault("null"), "policy.yaml: error: the file is empty");
}

TEST(Yaml, BombsAreRefused) {
    std::string aliases = "a0: &a0 [x, x]\n";
    for (int i = 1; i < 100; ++i)
        aliases += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
                   std::to_string(i - 1) + "]\n";
    EXPECT_EQ(fault(aliases), "policy.yaml:1:5: error: anchors (&name) are not allowed");

    for (const auto *opening : {"[", "{a: ", "[{", "- "})
        EXPECT_NE(fault("a: " + std::string(opening) +
                        [&] {
                            std::string deep;
                            for (int i = 0; i < 10'000; ++i) deep += opening;
                            return deep;
                        }()),
                  "")
            << opening;
    std::string indented;
    for (int i = 0; i < 2'000; ++i) indented += std::string(i, ' ') + "a:\n";
    EXPECT_EQ(fault(indented),
              "policy.yaml:17:17: error: lists and maps are nested deeper than 16");
}

TEST(Yaml, ValuesAreCounted) {
    std::string text = "a: [";
    for (int i = 0; i < 500'001; ++i) text += "1,";
    Diagnostics diagnostics;
    EXPECT_FALSE(parse(text + "]\n", diagnostics));
    ASSERT_EQ(diagnostics.errors(), 1);
    EXPECT_EQ(diagnostics.all()[0].message, "the file has more than 500000 values");
    EXPECT_EQ(diagnostics.all()[0].hint,
              "move long lists of addresses to a file of their own: { file: PATH }");
}

// The parser would hold all of it in memory, many times, before it returns the first value.
TEST(Yaml, EndlessValuesAreRefused) {
    const std::string megabyte(1 << 20, 'x');
    const auto *message = "a text, a comment or one [...] or {...} after this has more than 256 KB";
    for (const auto &text :
         {"b: " + megabyte, "b: \"" + megabyte + "\"", "# " + megabyte, "b: >\n " + megabyte}) {
        EXPECT_EQ(fault("a: 1\n" + text).substr(24), message) << text.substr(0, 10);
    }
    Diagnostics diagnostics;
    parse("a: " + megabyte, diagnostics);
    EXPECT_EQ(diagnostics.all()[0].hint, "write long lists one item a line, or as { file: PATH }");
    EXPECT_EQ(fault("a: 1\n# " + std::string(100'000, 'x') + "\nb: 2"), "");
}

// Whatever the bytes: a tree, or errors; never both, never a crash.
TEST(Yaml, AnyBytesEndWell) {
    const std::string seed =
        "policy: a\nedge: { b: [203.0.113.10, \"2001:db8::1\"] }\nmatrix:\n  - id: x\n    port: 1-2\n    notes: >\n      t\n";
    const std::string spice =
        "[]{}:,-?!&*#|>'\"%@`\\\n\t \r\xc3\xff"
        "a1~<";
    std::mt19937 random(20130315);
    for (int round = 0; round < 20'000; ++round) {
        std::string text = seed;
        for (auto changes = 1 + random() % 4; changes > 0; --changes) {
            const auto at = random() % text.size();
            const auto piece = std::string(1 + random() % 3, spice[random() % spice.size()]);
            if (random() % 2)
                text.insert(at, piece);
            else
                text.replace(at, 1, piece);
        }
        Diagnostics diagnostics;
        const bool whole = parse(text, diagnostics).has_value();
        ASSERT_EQ(whole, !diagnostics.has_errors()) << text;
        render(diagnostics, false);
    }
}

}  // namespace
}  // namespace pm
