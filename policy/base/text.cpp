// SPDX-License-Identifier: Apache-2.0
#include "policy/base/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace pm {

CodePoint first_code_point(std::string_view text) {
    if (text.empty()) return {};
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1};

    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
    char32_t value = lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if (next >> 6 != 2) return {};
        value = value << 6 | (next & 0x3fU);
    }
    const char32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
    if (value < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
    return {value, length};
}

bool is_control(char32_t value) {
    return (value < 0x20 && value != '\n') || (value >= 0x7f && value < 0xa0);
}

bool is_refused(char32_t value) {
    return is_control(value) || value == '\n' || value == 0xfeff;
}

bool is_writable(std::string_view text) {
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        if (point.length == 0 || is_refused(point.value)) return false;
        text.remove_prefix(point.length);
    }
    return true;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = first_code_point(text).length;
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::size_t count_code_points(std::string_view text) {
    std::size_t count = 0;
    for (const char byte : text) count += (static_cast<unsigned char>(byte) >> 6) != 2;
    return count;
}

std::string shortened(std::string_view text, std::size_t most) {
    constexpr std::string_view dots = "...";
    if (text.size() <= most) return std::string(text);
    std::size_t end = most - dots.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return std::string(text.substr(0, end)).append(dots);
}

bool contains(const std::vector<std::string> &names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

bool is_decimal(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos &&
           (text == "0" || text[0] != '0');
}

namespace {

// Whatever changes more than the place where it stands: controls, ends of lines and paragraphs, and
// what changes the direction of text.
bool is_unprintable(char32_t value) {
    return is_control(value) || value == '\n' || value == 0x61c || value == 0x200e ||
           value == 0x200f || (value >= 0x2028 && value <= 0x202e) ||
           (value >= 0x2066 && value <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        if (text[0] == '\t') {
            shown += ' ';
        } else if (point.length == 0 || is_unprintable(point.value)) {
            shown += '?';
        } else {
            shown += text.substr(0, point.length);
        }
        text.remove_prefix(point.length == 0 ? 1 : point.length);
    }
    return shown;
}

std::string printable_lines(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        shown += printable(text.substr(0, end));
        if (end < text.size()) shown += '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return shown;
}

std::string escaped(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        const std::size_t length = std::max<std::size_t>(point.length, 1);
        const bool is_plain = point.length > 0 && !is_unprintable(point.value);
        for (const char byte : text.substr(0, length))
            shown += is_plain ? std::string(1, byte)
                              : fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
        text.remove_prefix(length);
    }
    return shown;
}

std::string json_escaped(std::string_view json) {
    std::string text;
    text.reserve(json.size());
    while (!json.empty()) {
        const auto first = static_cast<unsigned char>(json[0]);
        const CodePoint point = first >= 0x7f ? first_code_point(json) : CodePoint{first, 1};
        if (first >= 0x7f && point.length > 0 && is_unprintable(point.value))
            text += fmt::format("\\u{:04x}", static_cast<unsigned>(point.value));
        else
            text += json.substr(0, std::max<std::size_t>(point.length, 1));
        json.remove_prefix(std::max<std::size_t>(point.length, 1));
    }
    return text;
}

std::string quote(std::string_view text) {
    constexpr std::size_t longest = 80;  // bytes; longer ones would hide the message
    if (text.size() <= longest) return "'" + printable(text) + "'";
    std::size_t end = longest;
    while (end > 0 && static_cast<unsigned char>(text[end]) >> 6 == 2) --end;
    return "'" + printable(text.substr(0, end)) + "...'";
}

}  // namespace pm
