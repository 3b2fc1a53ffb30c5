// SPDX-License-Identifier: Apache-2.0
// What tables and documents bring along when they are pasted: dashes, blanks and quotes that look
// like others, upper case, several values in one. All of it is refused; these are the hints that
// mend it. A hint is empty where nothing is known to mend it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "policy/base/diagnostic.h"

namespace pm {

// "50000 - 59999", "443/tcp", "443,5061", "0443", an en dash: what to write.
std::string port_hint(std::string_view text);
std::string transport_hint(std::string_view text);  // "TCP", "tcp/udp"
std::string name_hint(std::string_view text);       // upper case
std::string line_hint(std::string_view text);       // of a set file: "192.0.2.1,", "- 192.0.2.1"
std::string address_range_hint(std::string_view text);  // "192.0.2.7-192.0.2.9"
// Blanks and quotes that are none to this language.
std::string character_hint(std::string_view text);

// A blank that is no space, in a line of YAML but not in a comment or a text in quotes.
struct OddBlank {
    std::size_t at;    // bytes from the beginning of the line
    std::string what;  // "a no-break space (U+00A0)"
};
std::optional<OddBlank> find_odd_blank(std::string_view line);

// Its byte order mark, or a NUL where ASCII would have a character's other byte.
bool is_utf16(std::string_view text);
inline constexpr char utf16_fault[] = "the file is UTF-16, not UTF-8";
std::string utf16_hint(const SourceFile &file);

}  // namespace pm
