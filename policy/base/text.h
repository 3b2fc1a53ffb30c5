// SPDX-License-Identifier: Apache-2.0
// Text that comes from files and goes to terminals: UTF-8, and quoting that no byte escapes.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace pm {

// The first code point of `text`; length 0: it is not UTF-8 (overlong, surrogate, cut off).
struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;  // bytes
};
CodePoint first_code_point(std::string_view text);

// C0 (but not the line feed), DEL and C1: characters that a terminal may take as commands.
bool is_control(char32_t value);

// No text of a policy may hold such a character: `show` could not write it so that it can be read
// again.
bool is_refused(char32_t value);
bool is_writable(std::string_view text);  // UTF-8 without any such character

bool is_utf8(std::string_view text);

std::size_t count_code_points(std::string_view text);

// `text` between single quotes for a message: what `printable` replaces becomes '?', a long text is
// cut.
std::string quote(std::string_view text);

// The same without quotes and uncut, for a cited line and for every name and text that goes to a
// terminal or a log. Replaced are control characters, broken bytes, line ends, and characters that
// change the direction of the text around them.
std::string printable(std::string_view text);
std::string printable_lines(std::string_view text);  // line ends stay

// The same characters as \xNN, a byte each, where different texts must stay different.
std::string escaped(std::string_view text);

// Of JSON text that is UTF-8: those of the characters that JSON permits, as \uNNNN.
std::string json_escaped(std::string_view json);

// `text`, cut where a character begins so that it has at most `most` bytes, "..." included.
std::string shortened(std::string_view text, std::size_t most);

bool contains(const std::vector<std::string> &names, std::string_view name);

bool is_decimal(std::string_view text);  // digits without a leading zero

// All of `text` as a number; nothing if anything but digits is in it, or if it does not fit.
template <std::unsigned_integral Number>
std::optional<Number> parse_digits(std::string_view text) {
    Number value = 0;
    const char *end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
}

// "a, b, c"
template <typename Texts>
std::string joined(const Texts &texts, std::string_view separator = ", ") {
    std::string all;
    for (const auto &text : texts) {
        if (!all.empty()) all += separator;
        all += text;
    }
    return all;
}

}  // namespace pm
