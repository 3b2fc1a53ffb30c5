// SPDX-License-Identifier: Apache-2.0
// The addresses, ports and flags of a captured frame, for people. Captures are cut: a field that
// lies beyond the captured bytes is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/model/address.h"

namespace pm {

struct Dissection {
    std::string protocol;  // "tcp", "icmpv6", "47", "arp", "0x88cc"; empty: too short for Ethernet
    std::optional<std::uint8_t> transport;  // IP protocol
    std::optional<Address> source, destination;
    std::optional<std::uint16_t> source_port, destination_port;
    std::string tcp_flags;  // "SYN,ACK"
    std::optional<std::uint8_t> icmp_type, icmp_code;
    std::optional<unsigned> fragment_offset;  // in bytes; nothing: no fragment
    std::vector<std::uint16_t> vlans;         // outermost first
};

Dissection dissect(std::span<const std::uint8_t> frame);

}  // namespace pm
