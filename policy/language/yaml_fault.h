// SPDX-License-Identifier: Apache-2.0
// What yaml-cpp complains of, in our own words: its own differ from version to version, and say
// nothing of what to do.
#pragma once

#include <string_view>

namespace pm {

struct YamlFault {
    const char *fault;
    const char *hint;  // empty where there is none to give
};

inline constexpr YamlFault alias_fault{"aliases (*name) are not allowed", "write the value out"};
inline constexpr YamlFault anchor_fault{"anchors (&name) are not allowed", "write the value out"};
inline constexpr YamlFault tag_fault{"tags (!name) are not allowed",
                                     "remove the tag; all values are text"};

// `said` is the text of the library's exception, without its position.
YamlFault yaml_fault(std::string_view said);

}  // namespace pm
