// SPDX-License-Identifier: Apache-2.0
// The words of a policy: numbers, ports, names, rates. Read from the text as it is written;
// an error is a message for the user that quotes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "policy/model/model.h"

namespace pm {

// Decimal digits without sign, leading zero, point or exponent. `what`: "port".
tl::expected<std::uint32_t, std::string> parse_number(std::string_view text, std::string_view what,
                                                      std::uint32_t least, std::uint32_t most);

// "443" or "50000-59999"; 1-65535.
tl::expected<PortRange, std::string> parse_port_range(std::string_view text);

// Names and ids: [a-z][a-z0-9-]{0,62}, none of the words that mean a form of set.
tl::expected<std::string, std::string> parse_name(std::string_view text, std::string_view what);
bool is_name(std::string_view text);

// tcp, udp, icmp, icmpv6, or the number of another protocol that can follow an IP header.
tl::expected<std::uint8_t, std::string> parse_transport(std::string_view text);

// "50/s", "50/min": flows and per_seconds of a Limit.
tl::expected<Limit, std::string> parse_rate(std::string_view text);

}  // namespace pm
