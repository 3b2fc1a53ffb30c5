// SPDX-License-Identifier: Apache-2.0
// Addresses and address sets from text. A fault in the text is thrown and ends the test.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/model/address.h"

namespace pm::test {

inline Address address(std::string_view text) {
    auto parsed = parse_address(text);
    if (!parsed) throw std::runtime_error("test address: " + parsed.error());
    return *parsed;
}

inline AddressSet addresses(const std::vector<std::string> &prefixes) {
    std::vector<Range> ranges;
    for (const std::string &text : prefixes) {
        auto prefix = parse_prefix(text);
        if (!prefix) throw std::runtime_error("test prefix: " + prefix.error());
        ranges.push_back(prefix->range());
    }
    return AddressSet(std::move(ranges));
}

}  // namespace pm::test
