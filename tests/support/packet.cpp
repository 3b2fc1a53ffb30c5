// SPDX-License-Identifier: Apache-2.0
#include "tests/support/packet.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace pm::test {

void put16(Bytes &to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}

namespace {

void put8(Bytes &to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes &to, std::uint32_t value) {
    put16(to, value >> 16);
    put16(to, value & 0xffff);
}

void put64(Bytes &to, std::uint64_t value) {
    put32(to, static_cast<std::uint32_t>(value >> 32));
    put32(to, static_cast<std::uint32_t>(value));
}

void append(Bytes &to, const Bytes &more) {
    to.insert(to.end(), more.begin(), more.end());
}

// The Internet checksum. The programs do not look at it; receivers on the far side would.
unsigned checksum(const Bytes &bytes, std::size_t from, std::size_t count) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < count && from + i < bytes.size(); ++i)
        sum += static_cast<std::uint32_t>(bytes[from + i]) << (i % 2 ? 0 : 8);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

struct TransportBytes {
    bool v4;

    std::pair<std::uint8_t, Bytes> operator()(const Tcp &tcp) const {
        Bytes options = tcp.options;
        while (options.size() % 4) put8(options, 0);
        Bytes out;
        put16(out, tcp.source);
        put16(out, tcp.destination);
        put32(out, tcp.sequence);
        put32(out, tcp.flags & ACK ? tcp.acknowledged : 0);
        put8(out, tcp.header_words.value_or(static_cast<std::uint8_t>(5 + options.size() / 4))
                      << 4);
        put8(out, tcp.flags);
        put16(out, 65535);
        put32(out, 0);
        append(out, options);
        append(out, tcp.payload);
        return {6, out};
    }

    std::pair<std::uint8_t, Bytes> operator()(const Udp &udp) const {
        Bytes out;
        put16(out, udp.source);
        put16(out, udp.destination);
        put16(out, udp.length.value_or(static_cast<std::uint16_t>(8 + udp.payload.size())));
        put16(out, 0);
        append(out, udp.payload);
        return {17, out};
    }

    std::pair<std::uint8_t, Bytes> operator()(const Icmp &icmp) const {
        Bytes out;
        put8(out, icmp.type);
        put8(out, icmp.code);
        put16(out, 0);
        put16(out, icmp.id);
        put16(out, icmp.sequence);
        append(out, icmp.body);
        return {static_cast<std::uint8_t>(v4 ? 1 : 58), out};
    }

    std::pair<std::uint8_t, Bytes> operator()(const Raw &raw) const {
        return {raw.protocol, raw.bytes};
    }
};

void put_address(Bytes &to, const Address &address, bool v4) {
    if (v4) return put32(to, static_cast<std::uint32_t>(address.low));
    put64(to, address.high);
    put64(to, address.low);
}

Bytes slice(const Bytes &bytes, const std::optional<Fragment> &fragment) {
    if (!fragment) return bytes;
    std::size_t first = std::min<std::size_t>(fragment->offset, bytes.size());
    std::size_t count = std::min(fragment->length, bytes.size() - first);
    return {bytes.begin() + static_cast<std::ptrdiff_t>(first),
            bytes.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

Bytes datagram_v4(const Packet &packet) {
    auto [protocol, whole] = std::visit(TransportBytes{true}, packet.transport);
    Bytes body = slice(whole, packet.fragment);
    Bytes options = packet.options;
    while (options.size() % 4) put8(options, 0);
    std::size_t header = 20 + options.size();
    unsigned fragment = packet.ipv4_flags;
    if (packet.fragment)
        fragment |= packet.fragment->offset / 8U | (packet.fragment->more ? 0x2000U : 0U);

    Bytes out;
    put8(out, static_cast<unsigned>(packet.version.value_or(4)) << 4 |
                  packet.header_words.value_or(static_cast<std::uint8_t>(header / 4)));
    put8(out, 0);
    put16(out, packet.length.value_or(static_cast<std::uint16_t>(header + body.size())));
    put16(out, packet.fragment ? packet.fragment->id & 0xffff : 0);
    put16(out, fragment);
    put8(out, packet.hop_limit);
    put8(out, packet.protocol.value_or(protocol));
    put16(out, 0);
    put_address(out, packet.from, true);
    put_address(out, packet.to, true);
    append(out, options);
    unsigned sum = checksum(out, 0, header);
    out[10] = static_cast<std::uint8_t>(sum >> 8);
    out[11] = static_cast<std::uint8_t>(sum);
    append(out, body);
    return out;
}

// Extension headers in front of `next`; returns the type of the first.
std::uint8_t put_extensions(Bytes &to, const std::vector<Extension> &extensions,
                            std::uint8_t next) {
    for (std::size_t i = 0; i < extensions.size(); ++i) {
        Bytes body = extensions[i].body;
        while ((body.size() + 2) % 8) put8(body, 0);
        put8(to, i + 1 < extensions.size() ? extensions[i + 1].type : next);
        put8(to,
             extensions[i].length.value_or(static_cast<std::uint8_t>((body.size() + 2) / 8 - 1)));
        append(to, body);
    }
    return extensions.empty() ? next : extensions.front().type;
}

Bytes datagram_v6(const Packet &packet) {
    auto [protocol, transport] = std::visit(TransportBytes{false}, packet.transport);
    Bytes fragmentable;
    std::uint8_t next =
        put_extensions(fragmentable, packet.late_extensions, packet.protocol.value_or(protocol));
    append(fragmentable, transport);
    Bytes body = slice(fragmentable, packet.fragment);
    if (packet.fragment) {
        Bytes header;
        put8(header, next);
        put8(header, 0);
        put16(header, (packet.fragment->offset & 0xfff8U) | (packet.fragment->more ? 1U : 0U));
        put32(header, packet.fragment->id);
        body.insert(body.begin(), header.begin(), header.end());
        next = 44;
    }
    Bytes extensions;
    next = put_extensions(extensions, packet.extensions, next);
    body.insert(body.begin(), extensions.begin(), extensions.end());

    Bytes out;
    put32(out, static_cast<std::uint32_t>(packet.version.value_or(6)) << 28);
    put16(out, packet.length.value_or(static_cast<std::uint16_t>(body.size())));
    put8(out, next);
    put8(out, packet.hop_limit);
    put_address(out, packet.from, false);
    put_address(out, packet.to, false);
    append(out, body);
    return out;
}

}  // namespace

Bytes datagram(const Packet &packet) {
    return packet.from.is_v4() && packet.to.is_v4() ? datagram_v4(packet) : datagram_v6(packet);
}

Bytes frame(const Packet &packet) {
    bool v4 = packet.from.is_v4() && packet.to.is_v4();
    Bytes body = datagram(packet);
    append(body, packet.trailer);
    return frame(packet.ethertype.value_or(v4 ? 0x0800 : 0x86dd), body, packet.destination_mac,
                 packet.source_mac, packet.tags);
}

Bytes frame(const Arp &arp) {
    Bytes body;
    put16(body, arp.hardware);
    put16(body, arp.protocol);
    put8(body, arp.hardware_length);
    put8(body, arp.protocol_length);
    put16(body, arp.operation);
    body.resize(arp.length, 0x0a);
    return frame(arp.ethertype, body, broadcast_mac, peer_mac, arp.tags);
}

Bytes frame(std::uint16_t ethertype, const Bytes &body, const Mac &destination, const Mac &source,
            const std::vector<Tag> &tags) {
    Bytes out(destination.begin(), destination.end());
    out.insert(out.end(), source.begin(), source.end());
    for (const Tag &tag : tags) {
        put16(out, tag.protocol);
        put16(out, tag.id);
    }
    put16(out, ethertype);
    append(out, body);
    return out;
}

Packet icmp_error(const Address &from, const Address &to, const Bytes &quoted, std::size_t limit,
                  std::optional<std::uint8_t> type) {
    Icmp error{.type = type.value_or(from.is_v4() ? 3 : 1), .code = 0, .id = 0, .sequence = 0};
    error.body.assign(quoted.begin(),
                      quoted.begin() + static_cast<std::ptrdiff_t>(std::min(limit, quoted.size())));
    return {.from = from, .to = to, .transport = error};
}

}  // namespace pm::test
