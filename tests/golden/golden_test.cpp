// SPDX-License-Identifier: Apache-2.0
// Golden files: policies/NAME.yaml prints as NAME.printed and is rendered to nftables as
// NAME.parachute, errors/NAME.yaml is refused with the
// text of NAME.expected, to the byte. PM_UPDATE_GOLDEN=1 rewrites what is expected: look at the
// difference before it is committed.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "loader/parachute/render.h"
#include "policy/language/read.h"
#include "policy/model/print.h"

namespace {

namespace fs = std::filesystem;

const fs::path source_dir = PM_SOURCE_DIR;
const fs::path golden_dir = source_dir / "tests/golden";

std::string read_text(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path &path, const std::string &text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    ASSERT_TRUE(file.flush()) << path;
}

void expect_golden(const fs::path &path, const std::string &text) {
    if (std::getenv("PM_UPDATE_GOLDEN")) return write_text(path, text);
    ASSERT_TRUE(fs::exists(path)) << path << " is missing; PM_UPDATE_GOLDEN=1 writes it";
    EXPECT_EQ(read_text(path), text) << path;
}

// Names without `.yaml`, sorted.
std::vector<std::string> cases(const fs::path &folder) {
    std::vector<std::string> names;
    for (const auto &entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
    std::sort(names.begin(), names.end());
    return names;
}

// Files are named as by a user in their folder: messages must not depend on where the checkout
// lies.
class WorkingFolder {
public:
    explicit WorkingFolder(const fs::path &folder) : before_(fs::current_path()) {
        fs::current_path(folder);
    }
    ~WorkingFolder() { fs::current_path(before_); }

private:
    fs::path before_;
};

pm::ReadResult read(const fs::path &path) {
    return pm::read_policy(path, {{source_dir / "policy"}});
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
    for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

// What is printed is a policy again, and the same one.
void expect_stable(const pm::Policy &policy) {
    const auto printed = pm::print(policy);
    const auto again = pm::read_policy_text(printed, "printed.yaml", {});
    ASSERT_TRUE(again.policy) << pm::render(again.diagnostics, false) << printed;
    EXPECT_EQ(pm::print(*again.policy), printed);
    EXPECT_EQ(pm::digest(*again.policy), pm::digest(policy));
}

class Printed : public testing::TestWithParam<std::string> {};

TEST_P(Printed, IsAsExpectedAndReadsBack) {
    const WorkingFolder here(golden_dir / "policies");
    const auto result = read(GetParam() + ".yaml");
    ASSERT_TRUE(result.policy) << pm::render(result.diagnostics, false);
    EXPECT_FALSE(result.diagnostics.has_errors()) << pm::render(result.diagnostics, false);
    const auto text = pm::render(result.diagnostics, false) + pm::print(*result.policy);
    expect_golden(GetParam() + ".printed", replaced(text, source_dir.string(), "@"));
    expect_stable(*result.policy);
    expect_golden(GetParam() + ".parachute", pm::parachute::render(*result.policy).commands);
}

class Refused : public testing::TestWithParam<std::string> {};

TEST_P(Refused, WithTheExpectedText) {
    const WorkingFolder here(golden_dir / "errors");
    const auto result = read(GetParam() + ".yaml");
    EXPECT_TRUE(result.diagnostics.has_errors());
    expect_golden(GetParam() + ".expected",
                  replaced(pm::render(result.diagnostics, false), source_dir.string(), "@"));
}

class Shipped : public testing::TestWithParam<std::string> {};

// A shipped policy alone has no errors but the sets that a site must define (`required`).
TEST_P(Shipped, ReadsAndPrints) {
    const auto result = read(source_dir / "policy" / (GetParam() + ".yaml"));
    ASSERT_TRUE(result.policy || GetParam() == "private") << pm::render(result.diagnostics, false);
    if (result.policy && !result.diagnostics.has_errors()) expect_stable(*result.policy);
}

std::string test_name(const testing::TestParamInfo<std::string> &info) {
    std::string name = info.param;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Golden, Printed, testing::ValuesIn(cases(golden_dir / "policies")),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Golden, Refused, testing::ValuesIn(cases(golden_dir / "errors")),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Golden, Shipped, testing::ValuesIn(cases(source_dir / "policy")),
                         test_name);

// Text between quotes in a source, comments left out; only what reads as a message.
std::set<std::string> messages_of(const fs::path &path) {
    const auto code = std::regex_replace(read_text(path), std::regex("//[^\n]*"), "");
    const std::regex literal(R"re("((?:[^"\\\n]|\\.)*)")re");
    std::set<std::string> messages;
    for (std::sregex_iterator match(code.begin(), code.end(), literal), end; match != end;
         ++match) {
        const std::string text = (*match)[1];
        if (std::count(text.begin(), text.end(), ' ') >= 2) messages.insert(text);
    }
    return messages;
}

// The literal of a message, split at each {}: any text may stand there.
std::vector<std::string> parts_of(const std::string &message) {
    auto text = replaced(replaced(message, "{{", "\x01"), "}}", "\x02");
    text =
        replaced(std::regex_replace(text, std::regex(R"re(\{[^{}]*\})re"), "\n"), R"(\\)", R"(\)");
    text = replaced(replaced(text, "\x01", "{"), "\x02", "}");
    std::vector<std::string> parts;
    std::istringstream lines(text);
    for (std::string part; std::getline(lines, part);) parts.push_back(part);
    return parts;
}

bool has_in_order(const std::string &line, const std::vector<std::string> &parts) {
    std::size_t at = 0;
    for (const auto &part : parts) {
        at = line.find(part, at);
        if (at == line.npos) return false;
        at += part.size();
    }
    return true;
}

void add_lines(const fs::path &folder, const std::string &extension,
               std::vector<std::string> &lines) {
    for (const auto &entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != extension) continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) lines.push_back(line);
    }
}

// Every text that the reader can produce stands in an expected file or a unit test.
TEST(Messages, AreAllMetByATest) {
    std::vector<std::string> met;
    add_lines(golden_dir / "errors", ".expected", met);
    add_lines(golden_dir / "policies", ".printed", met);
    add_lines(source_dir / "tests/unit", ".cpp", met);

    std::vector<std::filesystem::path> sources{source_dir / "policy/base/source_file.cpp"};
    for (const auto &entry : std::filesystem::directory_iterator(source_dir / "policy/language"))
        if (entry.path().extension() == ".cpp") sources.push_back(entry.path());
    std::size_t count = 0;
    for (const auto &source : sources) {
        const auto messages = messages_of(source);
        count += messages.size();
        for (const auto &message : messages) {
            const auto parts = parts_of(message);
            EXPECT_TRUE(std::any_of(met.begin(), met.end(),
                                    [&](const auto &line) { return has_in_order(line, parts); }))
                << source << ": no test meets \"" << message << '"';
        }
    }
    EXPECT_GT(count, 0U);
}

}  // namespace
