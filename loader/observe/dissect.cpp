// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/dissect.h"

#include <fmt/core.h>

#include "maps/image.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr unsigned ipv4 = 0x0800, ipv6 = 0x86dd, arp = 0x0806;
constexpr std::uint8_t hop_by_hop = 0, routing = 43, fragment = 44, options = 60;

// Numbers in network byte order, by their offset. Beyond the end has() is false and bytes read as
// 0.
class FrameBytes {
public:
    explicit FrameBytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    bool has(std::size_t at, std::size_t size) const { return at + size <= bytes_.size(); }
    std::uint64_t number(std::size_t at, std::size_t size) const {
        std::uint64_t value = 0;
        for (std::size_t i = at; i < at + size; ++i)
            value = value << 8 | (i < bytes_.size() ? bytes_[i] : 0);
        return value;
    }
    std::uint8_t u8(std::size_t at) const { return static_cast<std::uint8_t>(number(at, 1)); }
    std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
    Address v4(std::size_t at) const {
        return Address::v4(static_cast<std::uint32_t>(number(at, 4)));
    }
    Address v6(std::size_t at) const { return {number(at, 8), number(at + 8, 8)}; }

private:
    std::span<const std::uint8_t> bytes_;
};

std::string flags_text(std::uint8_t flags) {
    constexpr const char *names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    std::string text;
    for (unsigned bit = 0; bit < 8; ++bit)
        if (flags >> bit & 1) text += (text.empty() ? "" : ",") + std::string(names[bit]);
    return text.empty() ? "none" : text;
}

void dissect_l4(const FrameBytes &bytes, std::size_t at, std::uint8_t protocol,
                Dissection &result) {
    result.protocol = transport_name(protocol);
    result.transport = protocol;
    if (result.fragment_offset.value_or(0) != 0) return;  // only the first fragment has the header
    if ((protocol == PM_PROTO_TCP || protocol == PM_PROTO_UDP) && bytes.has(at, 4)) {
        result.source_port = bytes.u16(at);
        result.destination_port = bytes.u16(at + 2);
    }
    if (protocol == PM_PROTO_TCP && bytes.has(at, 14))
        result.tcp_flags = flags_text(bytes.u8(at + 13));
    if ((protocol == PM_PROTO_ICMP || protocol == PM_PROTO_ICMPV6) && bytes.has(at, 2)) {
        result.icmp_type = bytes.u8(at);
        result.icmp_code = bytes.u8(at + 1);
    }
}

void dissect_v4(const FrameBytes &bytes, std::size_t at, Dissection &result) {
    result.protocol = "ipv4";
    if (!bytes.has(at, 20)) return;
    result.source = bytes.v4(at + 12);
    result.destination = bytes.v4(at + 16);
    const unsigned part = bytes.u16(at + 6);
    if (part & 0x3fff) result.fragment_offset = (part & 0x1fff) * 8;
    const std::size_t header = (bytes.u8(at) & 15u) * 4;
    if (header >= 20) dissect_l4(bytes, at + header, bytes.u8(at + 9), result);
}

void dissect_v6(const FrameBytes &bytes, std::size_t at, Dissection &result) {
    result.protocol = "ipv6";
    if (!bytes.has(at, 40)) return;
    result.source = bytes.v6(at + 8);
    result.destination = bytes.v6(at + 24);
    std::uint8_t next = bytes.u8(at + 6);
    at += 40;
    while (next == hop_by_hop || next == routing || next == fragment || next == options) {
        if (!bytes.has(at, 8)) break;
        if (next == fragment) result.fragment_offset = bytes.u16(at + 2) & 0xfff8u;
        const std::size_t size = next == fragment ? 8 : (bytes.u8(at + 1) + 1u) * 8;
        next = bytes.u8(at);
        at += size;
        if (result.fragment_offset.value_or(0) != 0) break;
    }
    dissect_l4(bytes, at, next, result);
}

void dissect_arp(const FrameBytes &bytes, std::size_t at, Dissection &result) {
    result.protocol = "arp";
    if (!bytes.has(at, 28) || bytes.u16(at + 2) != ipv4) return;
    result.source = bytes.v4(at + 14);
    result.destination = bytes.v4(at + 24);
}

}  // namespace

Dissection dissect(std::span<const std::uint8_t> frame) {
    const FrameBytes bytes(frame);
    Dissection result;
    std::size_t at = 12;
    if (!bytes.has(at, 2)) return result;
    unsigned type = bytes.u16(at);
    while ((type == 0x8100 || type == 0x88a8 || type == 0x9100) && bytes.has(at, 6)) {
        result.vlans.push_back(bytes.u16(at + 2) & 0xfff);
        at += 4;
        type = bytes.u16(at);
    }
    at += 2;
    if (type == ipv4)
        dissect_v4(bytes, at, result);
    else if (type == ipv6)
        dissect_v6(bytes, at, result);
    else if (type == arp)
        dissect_arp(bytes, at, result);
    else
        result.protocol = fmt::format("0x{:04x}", type);
    return result;
}

}  // namespace pm
