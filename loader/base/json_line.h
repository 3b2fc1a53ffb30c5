// SPDX-License-Identifier: Apache-2.0
// JSON as it leaves this program: a line of UTF-8 without control characters, whatever the names
// and texts in it are made of. Broken UTF-8 becomes U+FFFD.
#pragma once

#include <string>

#include "policy/base/text.h"

namespace pm {

// Of a value of nlohmann/json. Without a line feed.
template <typename Json>
std::string json_text(const Json &json) {
    return json_escaped(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

template <typename Json>
std::string json_line(const Json &json) {
    return json_text(json) + "\n";
}

}  // namespace pm
