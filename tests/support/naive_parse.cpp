// SPDX-License-Identifier: Apache-2.0
// The tests' own packet parser; see naive_parse.h.
#include "tests/support/naive_parse.h"

#include <algorithm>

namespace pm::naive {

namespace {

unsigned get8(Frame frame, std::size_t at) {
    return frame[at];
}

unsigned get16(Frame frame, std::size_t at) {
    return get8(frame, at) << 8 | get8(frame, at + 1);
}

std::uint32_t get32(Frame frame, std::size_t at) {
    return get16(frame, at) << 16 | get16(frame, at + 2);
}

std::uint64_t get64(Frame frame, std::size_t at) {
    return static_cast<std::uint64_t>(get32(frame, at)) << 32 | get32(frame, at + 4);
}

bool is_tag(unsigned ethertype) {
    return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100;
}

// Options of an IPv4 header: false if one routes the packet.
bool options_allowed(Frame frame, std::size_t at, std::size_t end) {
    while (at < end) {
        unsigned type = get8(frame, at);
        if (type == 0) return true;
        if (type == 1) {
            at++;
            continue;
        }
        if (type == 131 || type == 137) return false;
        if (at + 1 >= end) return false;
        unsigned length = get8(frame, at + 1);
        if (length < 2 || at + length > end) return false;
        at += length;
    }
    return true;
}

bool flags_valid(unsigned flags) {
    constexpr unsigned fin = 1, syn = 2, rst = 4, ack = 16, urg = 32;
    constexpr unsigned valid[] = {syn, syn | ack, ack, fin | ack, rst, rst | ack};
    if (flags & urg && !(flags & ack)) return false;
    return std::ranges::find(valid, flags & (fin | syn | rst | ack)) != std::end(valid);
}

// A fragment is misplaced if
// - it ends beyond the largest size of a datagram (`length` is what counts for that),
// - it is a tcp fragment at offset 8, which would overwrite the flags, or
// - others follow it and its length is no multiple of 8 bytes.
bool misplaced(const Headers &headers, unsigned protocol, std::size_t length, std::size_t part) {
    return headers.fragment &&
           (headers.offset + length > 65535 || (protocol == 6 && headers.offset == 8) ||
            (headers.more && part % 8 != 0));
}

void parse_v4(Frame frame, Headers &headers) {
    std::size_t at = headers.network;
    headers.fault = PM_DROP_MALFORMED_IP;
    if (at + 20 > frame.size() || get8(frame, at) >> 4 != 4) return;
    std::size_t header = (get8(frame, at) & 15) * 4;
    std::size_t total = get16(frame, at + 2);
    if (header < 20 || total < header || at + total > frame.size()) return;
    headers.bytes = total;
    headers.v4 = true;
    headers.source = Address::v4(get32(frame, at + 12));
    headers.destination = Address::v4(get32(frame, at + 16));
    if (!options_allowed(frame, at + 20, at + header)) return;
    headers.hop_limit = static_cast<std::uint8_t>(get8(frame, at + 8));
    headers.protocol = static_cast<std::uint8_t>(get8(frame, at + 9));
    headers.transport = at + header;
    headers.end = at + total;

    unsigned fragment = get16(frame, at + 6);
    headers.offset = (fragment & 0x1fff) * 8;
    headers.more = fragment & 0x2000;
    headers.fragment = headers.offset || headers.more;
    headers.fragment_id = get16(frame, at + 4);
    headers.fragment_protocol = headers.protocol;
    if (!misplaced(headers, headers.protocol, total, total - header)) headers.fault = PM_UNDECIDED;
}

// The chain of extension headers from `next` on; ends at the transport or a later fragment.
void parse_extensions(Frame frame, Headers &headers, unsigned next) {
    std::size_t at = headers.transport;
    std::size_t first = at;
    headers.fault = PM_DROP_EXTENSION_HEADERS;
    for (int count = 0;; ++count) {
        bool is_extension = next == 0 || next == 43 || next == 44 || next == 60;
        if (next == 59) return;
        if (!is_extension) break;
        if (count == 8 || (next == 0 && count > 0) || next == 43 || at + 8 > headers.end) return;
        std::size_t length = next == 44 ? 8 : (get8(frame, at + 1) + 1) * 8;
        if (at + length > headers.end || at + length - first > 256) return;
        if (next == 44) {
            if (headers.fragment_header) return;
            headers.fragment_header = true;
            unsigned field = get16(frame, at + 2);
            headers.offset = field & 0xfff8;
            headers.more = field & 1;
            headers.fragment = headers.offset || headers.more;
            headers.fragment_id = get32(frame, at + 4);
            headers.fragment_protocol = static_cast<std::uint8_t>(get8(frame, at));
            const std::size_t part = headers.end - at - 8;
            if (misplaced(headers, get8(frame, at), part, part)) {
                headers.fault = PM_DROP_MALFORMED_IP;
                return;
            }
        }
        next = get8(frame, at);
        at += length;
        if (headers.is_later_fragment()) break;
    }
    headers.protocol = static_cast<std::uint8_t>(next);
    headers.transport = at;
    headers.fault = PM_UNDECIDED;
}

void parse_v6(Frame frame, Headers &headers) {
    std::size_t at = headers.network;
    headers.fault = PM_DROP_MALFORMED_IP;
    if (at + 40 > frame.size() || get8(frame, at) >> 4 != 6) return;
    std::size_t payload = get16(frame, at + 4);
    if (payload == 0 || at + 40 + payload > frame.size()) return;
    headers.bytes = 40 + payload;
    headers.source = {get64(frame, at + 8), get64(frame, at + 16)};
    headers.destination = {get64(frame, at + 24), get64(frame, at + 32)};
    if (headers.source.is_v4() || headers.destination.is_v4()) return;
    headers.hop_limit = static_cast<std::uint8_t>(get8(frame, at + 7));
    headers.transport = at + 40;
    headers.end = at + 40 + payload;
    parse_extensions(frame, headers, get8(frame, at + 6));
}

void parse_tcp(Frame frame, Headers &headers) {
    std::size_t at = headers.transport;
    headers.fault = PM_DROP_MALFORMED_L4;
    if (at + 20 > headers.end) return;
    headers.source_port = static_cast<std::uint16_t>(get16(frame, at));
    headers.destination_port = static_cast<std::uint16_t>(get16(frame, at + 2));
    std::size_t header = (get8(frame, at + 12) >> 4) * 4;
    if (header < 20 || at + header > headers.end) return;
    if (!headers.source_port || !headers.destination_port) return;
    headers.payload = at + header;
    headers.payload_length = headers.payload_here = headers.end - headers.payload;
    headers.tcp_flags = static_cast<std::uint8_t>(get8(frame, at + 13));
    headers.sequence = static_cast<std::uint32_t>(get32(frame, at + 4));
    headers.acknowledged = static_cast<std::uint32_t>(get32(frame, at + 8));
    headers.fault = flags_valid(headers.tcp_flags) ? PM_UNDECIDED : PM_DROP_BAD_TCP_FLAGS;
}

void parse_udp(Frame frame, Headers &headers) {
    std::size_t at = headers.transport;
    headers.fault = PM_DROP_MALFORMED_L4;
    if (at + 8 > headers.end) return;
    headers.source_port = static_cast<std::uint16_t>(get16(frame, at));
    headers.destination_port = static_cast<std::uint16_t>(get16(frame, at + 2));
    if (!headers.source_port || !headers.destination_port) return;
    std::size_t length = get16(frame, at + 4);
    // A first fragment states the length of the whole datagram.
    if (length < 8 || (!headers.fragment && at + length > headers.end)) return;
    headers.payload = at + 8;
    headers.payload_length = length - 8;
    headers.payload_here = std::min(length, headers.end - at) - 8;
    headers.fault = PM_UNDECIDED;
}

void parse_icmp(Frame frame, Headers &headers) {
    std::size_t at = headers.transport;
    if (at + 8 > headers.end) {
        headers.fault = PM_DROP_MALFORMED_L4;
        return;
    }
    headers.icmp_type = static_cast<std::uint8_t>(get8(frame, at));
    headers.icmp_code = static_cast<std::uint8_t>(get8(frame, at + 1));
    if (headers.is_echo_request() || headers.is_echo_reply())
        headers.source_port = headers.destination_port =
            static_cast<std::uint16_t>(get16(frame, at + 4));
}

void parse_transport(Frame frame, Headers &headers) {
    if (headers.is_tcp()) return parse_tcp(frame, headers);
    if (headers.is_udp()) return parse_udp(frame, headers);
    if (headers.is_icmp()) return parse_icmp(frame, headers);
}

void parse_network(Frame frame, Headers &headers, unsigned ethertype, bool outbound) {
    if (ethertype == 0x0806) headers.kind = Headers::Kind::arp;
    if (ethertype == 0x8809) headers.kind = Headers::Kind::slow;
    if (ethertype != 0x0800 && ethertype != 0x86dd) return;
    headers.kind = Headers::Kind::ip;
    if (ethertype == 0x0800)
        parse_v4(frame, headers);
    else
        parse_v6(frame, headers);
    if (headers.fault) return;
    if (!outbound && headers.group_frame && !is_multicast(headers.destination)) {
        headers.fault = PM_DROP_MALFORMED_ETHERNET;
        return;
    }
    if (!headers.is_later_fragment()) parse_transport(frame, headers);
}

}  // namespace

// The offset of the transport in a quoted IPv6 packet. At most four headers (options or a first
// fragment) may come before it, 128 bytes in all. 0: not found.
static std::size_t quoted_extensions(Frame datagram, Headers &quoted, std::size_t ip) {
    unsigned next = get8(datagram, ip + 6);
    std::size_t at = ip + 40;
    for (int count = 0; next == 0 || next == 44 || next == 60; ++count) {
        if (count == 4 || at + 8 > datagram.size()) return 0;
        if (next == 44 && get16(datagram, at + 2) >= 8) return 0;
        const std::size_t length = next == 44 ? 8 : 8 * (1 + get8(datagram, at + 1));
        next = get8(datagram, at);
        at += length;
        if (at > ip + 40 + 128) return 0;
    }
    quoted.protocol = static_cast<std::uint8_t>(next);
    return at;
}

bool Headers::is_icmp_error() const {
    if (!is_icmp()) return false;
    return v4 ? icmp_type == 3 || icmp_type == 11 || icmp_type == 12
              : icmp_type >= 1 && icmp_type <= 4;
}

Headers parse(Frame frame, bool outbound) {
    Headers headers;
    headers.fault = PM_DROP_MALFORMED_ETHERNET;
    if (frame.size() < 14) return headers;
    headers.bytes = frame.size();
    if (frame[6] & 1) return headers;
    headers.group_frame = frame[0] & 1;
    std::size_t at = 12;
    for (int tags = 0; is_tag(get16(frame, at)); ++tags) {
        if (tags == 2 || at + 6 > frame.size()) return headers;
        at += 4;
    }
    headers.network = at + 2;
    headers.bytes = frame.size() - headers.network;
    headers.fault = PM_UNDECIDED;
    parse_network(frame, headers, get16(frame, at), outbound);
    return headers;
}

Headers parse_quoted(Frame frame, const Headers &error) {
    Frame datagram = frame.first(error.end);
    Headers quoted;
    quoted.network = error.transport + 8;
    quoted.v4 = error.v4;
    quoted.fault = PM_DROP_ICMP_UNRELATED;
    std::size_t at = quoted.network;
    std::size_t header = 40;
    if (at + (quoted.v4 ? 20 : 40) > datagram.size()) return quoted;
    if (get8(datagram, at) >> 4 != (quoted.v4 ? 4U : 6U)) return quoted;
    if (quoted.v4) {
        header = (get8(datagram, at) & 15) * 4;
        if (header < 20 || get16(datagram, at + 6) & 0x1fff) return quoted;
        quoted.source = Address::v4(get32(datagram, at + 12));
        quoted.destination = Address::v4(get32(datagram, at + 16));
        quoted.protocol = static_cast<std::uint8_t>(get8(datagram, at + 9));
    } else {
        quoted.source = {get64(datagram, at + 8), get64(datagram, at + 16)};
        quoted.destination = {get64(datagram, at + 24), get64(datagram, at + 32)};
        const std::size_t chain = quoted_extensions(datagram, quoted, at);
        if (!chain) return quoted;
        header = chain - at;
    }
    quoted.transport = at + header;
    if (quoted.transport + 8 > datagram.size()) return quoted;
    if (quoted.is_tcp() || quoted.is_udp()) {
        quoted.source_port = static_cast<std::uint16_t>(get16(datagram, quoted.transport));
        quoted.destination_port = static_cast<std::uint16_t>(get16(datagram, quoted.transport + 2));
    } else if (quoted.is_icmp()) {
        quoted.icmp_type = static_cast<std::uint8_t>(get8(datagram, quoted.transport));
        quoted.source_port = quoted.destination_port =
            static_cast<std::uint16_t>(get16(datagram, quoted.transport + 4));
        if (!quoted.is_echo_request() && !quoted.is_echo_reply()) return quoted;
    }
    quoted.fault = PM_UNDECIDED;
    return quoted;
}

bool is_martian(const Address &address) {
    if (!address.is_v4()) return address.high == 0 && address.low >> 32 == 0;
    auto value = static_cast<std::uint32_t>(address.low);
    unsigned top = value >> 24;
    return top == 0 || top == 127 || (top >= 240 && value != 0xffffffff);
}

bool is_multicast(const Address &address) {
    if (!address.is_v4()) return address.high >> 56 == 0xff;
    auto value = static_cast<std::uint32_t>(address.low);
    return (value >> 24 >= 224 && value >> 24 <= 239) || value == 0xffffffff;
}

bool is_link_local(const Address &address) {
    return address.high >> 54 == 0x3fa;
}

}  // namespace pm::naive
