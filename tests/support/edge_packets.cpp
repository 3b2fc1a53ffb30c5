// SPDX-License-Identifier: Apache-2.0
#include "tests/support/edge_packets.h"

#include <utility>

#include "maps/image.h"

namespace pm::test {

Packet make_packet(const char *source, const char *destination, Transport transport) {
    return {.from = address(source), .to = address(destination), .transport = std::move(transport)};
}

Packet tcp(const char *source, int source_port, const char *destination, int port, int flags,
           Bytes payload) {
    return make_packet(source, destination,
                       Tcp{.source = static_cast<std::uint16_t>(source_port),
                           .destination = static_cast<std::uint16_t>(port),
                           .flags = static_cast<std::uint8_t>(flags),
                           .payload = std::move(payload)});
}

Packet udp(const char *source, int source_port, const char *destination, int port, Bytes payload) {
    return make_packet(source, destination,
                       Udp{.source = static_cast<std::uint16_t>(source_port),
                           .destination = static_cast<std::uint16_t>(port),
                           .payload = std::move(payload)});
}

Packet icmp(const char *source, const char *destination, int type, int id) {
    return make_packet(
        source, destination,
        Icmp{.type = static_cast<std::uint8_t>(type), .id = static_cast<std::uint16_t>(id)});
}

Packet echo_request(const char *source, const char *destination, int id) {
    return icmp(source, destination, address(source).is_v4() ? 8 : 128, id);
}

Packet echo_reply(const char *source, const char *destination, int id) {
    return icmp(source, destination, address(source).is_v4() ? 0 : 129, id);
}

Packet sip(Transport transport) {
    return make_packet(partner, access4, std::move(transport));
}

Packet sip6(Transport transport) {
    return make_packet(partner6, access6, std::move(transport));
}

Packet stun_in(Bytes payload) {
    return make_packet(partner, av4, Udp{.payload = std::move(payload)});
}

Packet stun_in6() {
    return make_packet(partner6, av6, Udp{});
}

Raw stun_header_at(std::size_t offset) {
    Bytes bytes(offset + 8, 0);
    bytes[offset] = 0x9c, bytes[offset + 1] = 0x40;      // 40000
    bytes[offset + 2] = 0x0d, bytes[offset + 3] = 0x96;  // 3478
    bytes[offset + 5] = 8;                               // the length
    return {PM_PROTO_UDP, bytes};
}

}  // namespace pm::test
