// SPDX-License-Identifier: Apache-2.0
// What a captured frame is, for people: its addresses, ports, flags. Reads no more than was
// captured; what cannot be read is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/model/address.h"

namespace pm {

struct Dissection {
    std::string protocol;  // "tcp", "icmpv6", "47", "arp", "0x88cc"; empty: not even a frame
    std::optional<Address> source, destination;
    std::optional<std::uint16_t> source_port, destination_port;
    std::string tcp_flags;  // "SYN,ACK"
    std::optional<std::uint8_t> icmp_type, icmp_code;
    std::optional<unsigned> fragment_offset;  // of a fragment, in bytes
    std::vector<std::uint16_t> vlans;         // outermost first
};

Dissection dissect(std::span<const std::uint8_t> frame);

}  // namespace pm
