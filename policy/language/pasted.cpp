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

constexpr char32_t no_break_space = 0xa0, zero_width_space = 0x200b, soft_hyphen = 0xad;
constexpr char32_t byte_order_mark = 0xfeff;
constexpr char32_t full_width_zero = 0xff10, full_width_nine = 0xff19;

// Also what has no width at all: joiners, soft hyphens, byte order marks.
bool is_odd_blank(char32_t value) {
    return value == no_break_space || value == soft_hyphen || value == 0x1680 ||
           (value >= 0x2000 && value <= 0x200d) || value == 0x202f || value == 0x205f ||
           value == 0x2060 || value == 0x3000 || value == byte_order_mark;
}

bool is_dash(char32_t value) {
    return (value >= 0x2010 && value <= 0x2015) || value == 0x2212 || value == 0xfe58 ||
           value == 0xfe63 || value == 0xff0d;
}

bool is_odd_quote(char32_t value) {
    return (value >= 0x2018 && value <= 0x201f) || value == 0xab || value == 0xbb;
}

bool has_no_width(char32_t value) {
    return value == soft_hyphen || (value >= zero_width_space && value <= 0x200d) ||
           value == 0x2060 || value == byte_order_mark;
}

std::string name_of_blank(char32_t value) {
    const char *name = value == no_break_space     ? "a no-break space"
                       : value == zero_width_space ? "a zero-width space"
                       : value == soft_hyphen      ? "a soft hyphen"
                       : value == byte_order_mark  ? "a byte order mark"
                                                   : "a blank that is no space";
    return fmt::format("{} (U+{:04X})", name, static_cast<unsigned>(value));
}

// With the dashes, blanks and digits that were meant.
std::string plain(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        const std::size_t length = std::max<std::size_t>(point.length, 1);
        if (is_dash(point.value))
            result += '-';
        else if (is_odd_blank(point.value))
            result += has_no_width(point.value) ? "" : " ";
        else if (point.value >= full_width_zero && point.value <= full_width_nine)
            result += static_cast<char>('0' + (point.value - full_width_zero));
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

bool is_transport(std::string_view word) {
    return transport_number(lowercase(word)).has_value();
}

// "0443", "50000-59999"; empty: no ports can be made of it.
std::string one_port(std::string_view range) {
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
    bool has_transport = false;
    for (const std::string &one : split(word, ",;/ ")) {
        if (is_transport(one)) {
            has_transport = true;
            continue;
        }
        ports.push_back(one_port(one));
        if (ports.back().empty()) return {};
    }
    if (ports.empty() || (ports.size() == 1 && ports[0] == text)) return {};
    return with_blank(write_these(ports) + (has_transport ? "; the row says the transport" : ""),
                      text);
}

std::string transport_hint(std::string_view text) {
    std::vector<std::string> words = split(lowercase(plain(text)), ",;/+& ");
    if (words.empty() || !std::ranges::all_of(words, is_transport)) return {};
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
    if (words.empty() || !all_known) return address_range_hint(text);
    return with_blank(words.size() == 1 ? "write " + words[0] : "write one a line", text);
}

std::string address_range_hint(std::string_view text) {
    constexpr std::size_t most = 8;
    std::string word = plain(text);
    for (const std::string_view dash : {" - ", " -", "- "}) replace_all(word, dash, "-");
    const std::size_t dash = std::min(word.find('-'), word.size());
    const auto first = parse_address(word.substr(0, dash));
    const auto last = parse_address(dash == word.size() ? "" : word.substr(dash + 1));
    if (!first || !last || first->is_v4() != last->is_v4() || *last < *first) return {};
    std::vector<std::string> prefixes;
    for (const Prefix &one : AddressSet({{*first, *last}}).prefixes())
        prefixes.push_back(to_string(one));
    if (prefixes.size() > most) return "write prefixes: a range of addresses cannot be written";
    return "a range is written as prefixes: " + joined(prefixes);
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
