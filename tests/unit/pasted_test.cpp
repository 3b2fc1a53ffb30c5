// SPDX-License-Identifier: Apache-2.0
// Where a blank that is no space is a fault, and where it is text.
#include "policy/language/pasted.h"

#include <gtest/gtest.h>

namespace pm {
namespace {

constexpr const char *blank = "\u00a0";

// `~` stands for the blank.
bool has_odd_blank(std::string line) {
    for (std::size_t at = 0; (at = line.find('~')) != line.npos;) line.replace(at, 1, blank);
    return find_odd_blank(line).has_value();
}

TEST(OddBlank, IsFoundOutsideOfQuotesAndComments) {
    for (const char *line : {"a:~b", "~a: b", "{ a: b,~c: d }", "a: 'b'~", "a: 'it''s'~",
                             "a: 'C:\\'~", "a: \"b\\\\\"~", "it's~b"})
        EXPECT_TRUE(has_odd_blank(line)) << line;
    for (const char *line : {"a: b  # c~d", "a: 'b~c'", "a: \"b~c\"", "{\"a\":\"b~c\"}", "['a~b']",
                             "a: 'it''s a~b'", "a: \"b\\\"~c\"", "a: b"})
        EXPECT_FALSE(has_odd_blank(line)) << line;
}

}  // namespace
}  // namespace pm
