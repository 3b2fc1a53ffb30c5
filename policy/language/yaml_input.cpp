// SPDX-License-Identifier: Apache-2.0
#include "policy/language/yaml_input.h"

#include <fmt/format.h>

#include "policy/language/pasted.h"

namespace pm {
namespace {

// What is wrong with a character; the message is empty where nothing is.
struct Fault {
    std::string message, hint;
};

Fault character_fault(const CodePoint &point, std::string_view rest, bool in_indentation,
                      const std::string &name) {
    constexpr const char *utf8_hint = "save the file as UTF-8 without a byte order mark";
    if (point.length == 0)
        return {fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(rest[0])),
                utf8_hint};
    if (point.value == 0xfeff) return {"a byte order mark (U+FEFF)", utf8_hint};
    if (point.value == '\r')
        return {"a carriage return: the lines end as on Windows",
                fmt::format("convert it: sed -i 's/\\r$//' {}", printable(name))};
    if (point.value == '\t')
        return in_indentation ? Fault{"a tab in the indentation", "indent with spaces"} : Fault{};
    if (is_control(point.value))
        return {fmt::format("control character U+{:04X}", static_cast<unsigned>(point.value)), ""};
    return {};
}

}  // namespace

bool check_characters(const std::shared_ptr<const SourceFile> &file, Diagnostics &diagnostics) {
    if (is_utf16(file->text)) {
        diagnostics.error({file, 1, 1, 1}, utf16_fault, utf16_hint(*file));
        return false;
    }
    std::string_view rest = file->text;
    int line = 1, column = 1;
    bool in_indentation = true;
    while (!rest.empty()) {
        const CodePoint point = first_code_point(rest);
        Fault fault = character_fault(point, rest, in_indentation, file->name);
        if (!fault.message.empty()) {
            diagnostics.error({file, line, column, 1}, std::move(fault.message),
                              std::move(fault.hint));
            return false;
        }
        const bool ends_line = point.value == '\n';
        in_indentation = ends_line || (in_indentation && point.value == ' ');
        line += ends_line;
        column = ends_line ? 1 : column + 1;
        rest.remove_prefix(point.length);
    }
    return true;
}

}  // namespace pm
