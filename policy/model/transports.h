// SPDX-License-Identifier: Apache-2.0
// What a row can name beside addresses and ports: transports, and the payloads of checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/model/model.h"

namespace pm {

std::string transport_name(std::uint8_t protocol);  // "tcp", "udp", "icmp", "icmpv6", "47"

// The IP protocol number of one of the four names; nothing for any other text.
std::optional<std::uint8_t> transport_number(std::string_view name);

bool has_ports(std::uint8_t transport);
bool has_transport(const Row &row, std::uint8_t transport);

// A row's transports with a separator between them: "tcp,udp".
std::string transports_text(const Row &row, std::string_view separator);

// What a check can ask for, and over which transports it is spoken.
struct PayloadKind {
    std::string_view name;
    Check::Payload payload;
    bool tcp, udp;
};
const PayloadKind *find_payload(std::string_view name);  // null: there is none
std::string_view payload_name(Check::Payload payload);
bool is_spoken_over(const PayloadKind &kind, std::uint8_t transport);

}  // namespace pm
