// SPDX-License-Identifier: Apache-2.0
#include "policy/model/print.h"

#include <netinet/in.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "policy/image/compile.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

using test::TemporaryFolder;

const std::string site =
    "policy: site\nedge: { access: 203.0.113.10 }\npeers: { fraud: { file: fraud.txt } }\nblock: fraud\n"
    "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: [443, 5061] }\n";

Policy read_in(const TemporaryFolder &folder) {
    auto result = folder.read("site.yaml");
    EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
    return result.policy.value_or(Policy{});
}

Policy read_text(const std::string &text) {
    auto result = read_policy_text(text, "policy.yaml", {});
    EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
    return result.policy.value_or(Policy{});
}

TEST(Digest, IsOfContentNotOfPlace) {
    const TemporaryFolder one, other;
    for (const auto *folder : {&one, &other}) {
        folder->write("site.yaml", site);
        folder->write("fraud.txt", "198.51.100.66\n");
    }
    const auto first = read_in(one), second = read_in(other);
    EXPECT_NE(print(first), print(second));
    EXPECT_EQ(digest(first), digest(second));
    EXPECT_EQ(digest(first).size(), 64U);

    other.write("fraud.txt", "198.51.100.67\n");
    EXPECT_NE(digest(first), digest(read_in(other)));
}

TEST(Digest, SeesEveryChange) {
    const std::string text =
        "policy: site\nedge: { access: 203.0.113.10 }\n"
        "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: 443 }\n";
    const auto before = digest(read_text(text));
    for (const auto *more :
         {"fragments: drop\n", "flow-capacity: 1024\n", "reference: x\n",
          "interfaces: { eth0: access }\n",
          "expect:\n  - { from: 198.51.100.1, to: access, tcp: 443, verdict: pass }\n"})
        EXPECT_NE(digest(read_text(text + more)), before) << more;
}

TEST(Digest, OfTheMatrixIsTheSameOnHostsThatOpenTheSame) {
    const std::string row =
        "matrix:\n  - { id: a, transport: tcp, source: p, destination: access, port: 443 }\n";
    const std::string peers = "peers: { p: 198.51.100.0/24 }\n";
    const auto one = read_text("policy: one\nedge: { access: 203.0.113.10 }\n" + peers + row);
    const auto two = read_text(
        "policy: two\ninterfaces: { ens3: access }\nedge: { access: [203.0.113.11, "
        "\"2001:db8::1\"] }\n" +
        peers + row + "expect:\n  - { from: 198.51.100.1, to: access, tcp: 443, verdict: pass }\n");
    EXPECT_EQ(matrix_digest(one), matrix_digest(two));
    EXPECT_NE(digest(one), digest(two));

    for (const auto *other :
         {"policy: one\nedge: { access: 203.0.113.10 }\npeers: { p: 198.51.101.0/24 }\n",
          "policy: one\nedge: { access: none }\npeers: { p: 198.51.100.0/24 }\n",
          "policy: one\nfragments: drop\nedge: { access: 203.0.113.10 }\n"
          "peers: { p: 198.51.100.0/24 }\n"})
        EXPECT_NE(matrix_digest(read_text(other + row)), matrix_digest(one)) << other;
}

TEST(Print, CompilesToTheSameImage) {
    const TemporaryFolder folder;
    folder.write("site.yaml", site);
    folder.write("fraud.txt", "198.51.100.66\n2001:db8::/32\n");
    const auto policy = read_in(folder);
    const auto image = compile(policy);
    const auto again = compile(read_text(print(policy)));
    ASSERT_TRUE(image) << image.error();
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(image->bytes, again->bytes);
}

TEST(Print, TextsComeBackAsTheyWere) {
    for (const std::string text : {"a\\\"b", "null", "~", "", " x ", "- a", "#", "a: b",
                                   "\xe2\x82\xac", "'", "yes", "1e3", "%", "..."}) {
        auto policy = read_text(
            "policy: site\nedge: { access: 203.0.113.10 }\n"
            "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: 443 }\n");
        policy.rows[0].notes = text;
        EXPECT_EQ(read_text(print(policy)).rows[0].notes, text) << print(policy);
    }
}

// An escape can stand for any character. What is accepted must be readable in the form that is
// printed.
void expect_comes_back(std::uint32_t character) {
    const auto text = fmt::format(
        "policy: site\nreference: \"x\\U{:08x}y\"\nedge: {{ access: 203.0.113.10 }}\n"
        "matrix:\n  - {{ id: a, transport: tcp, source: any, destination: access, port: 443 }}\n",
        character);
    const auto result = read_policy_text(text, "policy.yaml", {});
    if (result.diagnostics.has_errors()) return;
    const auto again = read_policy_text(print(*result.policy), "printed.yaml", {});
    ASSERT_TRUE(again.policy) << render(again.diagnostics, false);
    EXPECT_EQ(again.policy->reference, result.policy->reference) << std::hex << character;
    EXPECT_EQ(digest(*again.policy), digest(*result.policy)) << std::hex << character;
}

TEST(Print, EveryCharacterThatIsAcceptedComesBack) {
    for (std::uint32_t character = 0; character < 0x2100; ++character) expect_comes_back(character);
    for (std::uint32_t character = 0xfdc0; character < 0x10010; ++character)
        expect_comes_back(character);
    for (std::uint32_t plane = 1; plane <= 0x10; ++plane)
        for (const std::uint32_t last : {0xfffdU, 0xfffeU, 0xffffU})
            expect_comes_back(plane << 16 | last);
}

TEST(Print, FilesAreInFoldersThatCanBeWritten) {
    const TemporaryFolder folder;
    for (const auto *name : {"a\nb", "a\tb", "a\x80", "\xef\xbb\xbf", "\xc2\x85"}) {
        const auto path = std::filesystem::path(name) / "site.yaml";
        folder.write(path.string(), site);
        folder.write((std::filesystem::path(name) / "fraud.txt").string(), "198.51.100.66\n");
        const auto result = folder.read(path.string());
        ASSERT_TRUE(result.diagnostics.has_errors()) << name;
        const auto &error = result.diagnostics.all()[0];
        EXPECT_THAT(error.message,
                    testing::MatchesRegex("the path '.*' has control characters, or is not UTF-8"));
        EXPECT_EQ(error.hint, "move the policy and its files to a folder with a plain name");
    }
}

}  // namespace
}  // namespace pm
