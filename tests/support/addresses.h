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

// What is on the link of the interface under test, and of another one.
inline AddressSet addresses_on_link() {
    return addresses({"198.51.100.0/24", "203.0.113.0/26", "10.9.0.10/32", "2001:db8:20::/64"});
}
inline AddressSet addresses_on_other_link() {
    return addresses({"192.0.2.0/24"});
}

// What the host under test has, by far more than any: and for which of them only its IP stack hands
// over packets.
inline AddressSet own_addresses_of_test() {
    return addresses({"0.0.0.0/2", "128.0.0.0/2", "203.0.113.11/32", "2001:db8::/32", "fe80::/10"});
}
inline AddressSet addresses_that_stay_in_test() {
    return addresses({"224.0.0.0/3", "198.18.0.0/15", "2001:dba::/32"});
}
inline AddressSet routed_addresses_of_test() {
    return addresses({"11.0.0.0/8", "203.0.113.11/32", "2001:db8:10::/48"});
}

}  // namespace pm::test
