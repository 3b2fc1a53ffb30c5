// SPDX-License-Identifier: Apache-2.0
#include "policy/language/pasted.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/words.h"
#include "policy/model/address.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr char32_t no_break_space = 0xa0, zero_width_space = 0x200b;

bool is_odd_blank(char32_t value) {
    return value == no_break_space || value == 0x1680 || (value >= 0x2000 && value <= 0x200b) ||
           value == 0x202f || value == 0x205f || value == 0x2060 || value == 0x3000;
}

bool is_dash(char32_t value) {
    return (value >= 0x2010 && value <= 0x2015) || value == 0x2212 || value == 0xfe58 ||
           value == 0xfe63 || value == 0xff0d;
}

bool is_odd_quote(char32_t value) {
    return (value >= 0x2018 && value <= 0x201f) || value == 0xab || value == 0xbb;
}

std::string name_of_blank(char32_t value) {
    const char *name = value == no_break_space     ? "a no-break space"
                       : value == zero_width_space ? "a zero-width space"
                                                   : "a blank that is no space";
    return fmt::format("{} (U+{:04X})", name, static_cast<unsigned>(value));
}

// With the dashes and blanks that were meant.
std::string plain(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        const std::size_t length = std::max<std::size_t>(point.length, 1);
        if (is_dash(point.value))
            result += '-';
        else if (is_odd_blank(point.value))
            result += ' ';
        else
            result += text.substr(0, length);
        text.remove_prefix(length);
    }
    return result;
}

std::string lowercase(std::string_view text) {
    std::string result(text);
    for (char &one : result)
        if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
    return result;
}

void replace_all(std::string &text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

// The words between any of these characters.
std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
        if (end > at) words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::string without_zeros(std::string_view digits) {
    const std::size_t first = std::min(digits.find_first_not_of('0'), digits.size());
    return std::string(digits.substr(first));
}

// "0443", "50000-59999/udp"; empty: no ports can be made of it.
std::string one_port(std::string_view word) {
    const std::size_t slash = word.find('/');
    if (slash != word.npos && !transport_number(lowercase(word.substr(slash + 1)))) return {};
    const std::string_view range = word.substr(0, slash);
    const std::size_t dash = range.find('-');
    std::string port = without_zeros(range.substr(0, dash));
    if (dash != range.npos) port += "-" + without_zeros(range.substr(dash + 1));
    return parse_port_range(port) ? port : std::string();
}

// The hint, and what cannot be seen in the text.
std::string with_blank(std::string hint, std::string_view text) {
    for (std::string_view rest = text; !rest.empty();) {
        const CodePoint point = first_code_point(rest);
        if (is_odd_blank(point.value))
            return fmt::format("{}; {} is in it", hint, name_of_blank(point.value));
        rest.remove_prefix(std::max<std::size_t>(point.length, 1));
    }
    return hint;
}

std::string write_these(const std::vector<std::string> &words) {
    if (words.size() == 1) return "write " + words[0];
    return fmt::format("write [{}]", joined(words));
}

}  // namespace

std::string port_hint(std::string_view text) {
    std::string word = plain(text);
    for (const std::string_view range : {" - ", " -", "- ", "..", ":"})
        replace_all(word, range, "-");
    std::vector<std::string> ports;
    for (const std::string &one : split(word, ",; ")) {
        ports.push_back(one_port(one));
        if (ports.back().empty()) return {};
    }
    if (ports.empty() || (ports.size() == 1 && ports[0] == text)) return {};
    const bool has_transport = text.find('/') != text.npos;
    return with_blank(write_these(ports) + (has_transport ? "; the row says the transport" : ""),
                      text);
}

std::string transport_hint(std::string_view text) {
    std::vector<std::string> words = split(lowercase(plain(text)), ",;/+& ");
    const bool all_known = std::ranges::all_of(
        words, [](const auto &one) { return transport_number(one).has_value(); });
    if (words.empty() || !all_known) return {};
    return with_blank(write_these(words), text);
}

std::string name_hint(std::string_view text) {
    const std::string lower = lowercase(text);
    return lower != text && is_name(lower) ? "names are lowercase: write " + lower : "";
}

std::string line_hint(std::string_view text) {
    std::string word = plain(text);
    if (word.starts_with("- ")) word.erase(0, 2);
    std::vector<std::string> words = split(word, ",; \t\"'");
    const bool all_known =
        std::ranges::all_of(words, [](const auto &one) { return parse_prefix(one).has_value(); });
    if (words.empty() || !all_known) return {};
    return with_blank(words.size() == 1 ? "write " + words[0] : "write one a line", text);
}

std::string character_hint(std::string_view text) {
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        if (is_odd_blank(point.value))
            return fmt::format("{} is in it: type a space, or nothing", name_of_blank(point.value));
        if (is_odd_quote(point.value)) return "write straight quotes, or none";
        text.remove_prefix(std::max<std::size_t>(point.length, 1));
    }
    return {};
}

namespace {

constexpr char double_quote = '\x22', single_quote = '\x27';

// The rest of a text in quotes, with its end; `rest` begins behind the quote that it begins with.
std::size_t quoted_length(std::string_view rest, char quote) {
    for (std::size_t at = 0; at < rest.size(); ++at) {
        const bool is_twice = rest[at] == quote && at + 1 < rest.size() && rest[at + 1] == quote;
        if (quote == double_quote ? rest[at] == '\\' : is_twice)
            ++at;
        else if (rest[at] == quote)
            return at + 1;
    }
    return rest.size();
}

}  // namespace

std::optional<OddBlank> find_odd_blank(std::string_view line) {
    char32_t before = ' ';
    for (std::size_t at = 0; at < line.size();) {
        const CodePoint point = first_code_point(line.substr(at));
        const bool begins = std::u32string_view(U" :[{,").find(before) != std::u32string_view::npos;
        if (point.value == '#' && before == ' ') return std::nullopt;
        if (is_odd_blank(point.value)) return OddBlank{at, name_of_blank(point.value)};
        before = point.value;
        at += std::max<std::size_t>(point.length, 1);
        if (begins && (before == double_quote || before == single_quote))
            at += quoted_length(line.substr(at), static_cast<char>(before));
    }
    return std::nullopt;
}

bool is_utf16(std::string_view text) {
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) return true;
    return text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0');
}

std::string utf16_hint(const SourceFile &file) {
    const std::string_view text = file.text;
    const char *order = text[0] == '\0' ? "BE" : text[1] == '\0' && text[0] != '\xff' ? "LE" : "";
    return fmt::format("convert it: iconv -f UTF-16{0} -t UTF-8 {1} >{1}.new", order,
                       printable(file.name));
}

}  // namespace pm
