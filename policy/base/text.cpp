// SPDX-License-Identifier: Apache-2.0
#include "policy/base/text.h"

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

bool is_decimal(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos &&
           (text == "0" || text[0] != '0');
}

std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const CodePoint point = first_code_point(text);
        if (text[0] == '\t') {
            shown += ' ';
        } else if (point.length == 0 || is_control(point.value) || text[0] == '\n') {
            shown += '?';
        } else {
            shown += text.substr(0, point.length);
        }
        text.remove_prefix(point.length == 0 ? 1 : point.length);
    }
    return shown;
}

std::string quote(std::string_view text) {
    constexpr std::size_t longest = 80;  // bytes; longer ones would hide the message
    if (text.size() <= longest) return "'" + printable(text) + "'";
    std::size_t end = longest;
    while (end > 0 && static_cast<unsigned char>(text[end]) >> 6 == 2) --end;
    return "'" + printable(text.substr(0, end)) + "...'";
}

}  // namespace pm
