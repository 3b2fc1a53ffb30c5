// SPDX-License-Identifier: Apache-2.0
#include "policy/model/transports.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "maps/image.h"

namespace pm {
namespace {

struct Transport {
    std::string_view name;
    std::uint8_t number;
};
constexpr std::array<Transport, 4> transports{{{"tcp", PM_PROTO_TCP},
                                               {"udp", PM_PROTO_UDP},
                                               {"icmp", PM_PROTO_ICMP},
                                               {"icmpv6", PM_PROTO_ICMPV6}}};

constexpr std::array<PayloadKind, 6> payload_kinds{{{"none", Check::Payload::none, true, true},
                                                    {"tls", Check::Payload::tls, true, false},
                                                    {"stun", Check::Payload::stun, true, true},
                                                    {"msturn", Check::Payload::msturn, true, true},
                                                    {"rtp", Check::Payload::rtp, false, true},
                                                    {"sip", Check::Payload::sip, true, true}}};

}  // namespace

std::string transport_name(std::uint8_t protocol) {
    const auto known = std::ranges::find(transports, protocol, &Transport::number);
    return known == transports.end() ? fmt::format("{}", protocol) : std::string(known->name);
}

std::optional<std::uint8_t> transport_number(std::string_view name) {
    const auto known = std::ranges::find(transports, name, &Transport::name);
    return known == transports.end() ? std::nullopt : std::optional(known->number);
}

bool has_ports(std::uint8_t transport) {
    return transport == PM_PROTO_TCP || transport == PM_PROTO_UDP;
}

bool has_transport(const Row &row, std::uint8_t transport) {
    return std::ranges::find(row.transports, transport) != row.transports.end();
}

std::string transports_text(const Row &row, std::string_view separator) {
    std::string text;
    for (const std::uint8_t transport : row.transports) {
        if (!text.empty()) text += separator;
        text += transport_name(transport);
    }
    return text;
}

const PayloadKind *find_payload(std::string_view name) {
    const auto kind = std::ranges::find(payload_kinds, name, &PayloadKind::name);
    return kind == payload_kinds.end() ? nullptr : &*kind;
}

std::string_view payload_name(Check::Payload payload) {
    return std::ranges::find(payload_kinds, payload, &PayloadKind::payload)->name;
}

bool is_spoken_over(const PayloadKind &kind, std::uint8_t transport) {
    return kind.payload == Check::Payload::none || (transport == PM_PROTO_TCP && kind.tcp) ||
           (transport == PM_PROTO_UDP && kind.udp);
}

}  // namespace pm
