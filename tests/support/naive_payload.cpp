// SPDX-License-Identifier: Apache-2.0
// The oracle's payload checks; see naive_payload.h.
#include "tests/support/naive_payload.h"

#include <algorithm>
#include <vector>

namespace pm::naive {

namespace {

using Payload = std::span<const std::uint8_t>;

constexpr int any = -1;

// Does the payload begin with these bytes? A stream may still do so if fewer bytes have arrived.
bool begins(Payload payload, const std::vector<int> &bytes, bool whole) {
    if (whole && payload.size() < bytes.size()) return false;
    for (std::size_t i = 0; i < std::min(payload.size(), bytes.size()); ++i)
        if (bytes[i] != any && bytes[i] != payload[i]) return false;
    return !payload.empty();
}

unsigned two(Payload payload, std::size_t at) {
    return static_cast<unsigned>(payload[at]) << 8 | payload[at + 1];
}

bool is_between(std::uint8_t byte, int first, int last) {
    return byte >= first && byte <= last;
}

bool tls(Payload payload) {
    for (int minor = 0; minor <= 4; ++minor)
        if (begins(payload, {0x16, 3, minor, any, any, 1}, false)) return true;
    return false;
}

bool dtls(Payload payload) {
    return payload.size() >= 13 && begins(payload, {22, 0xfe}, true);
}

bool stun_stream(Payload payload) {
    if (payload.size() < 8) payload = payload.first(std::min<std::size_t>(payload.size(), 2));
    for (int method : {1, 3, 11})
        if (begins(payload, {0, method, any, any, 0x21, 0x12, 0xa4, 0x42}, false)) return true;
    return false;
}

bool stun_datagram(Payload payload, std::size_t length) {
    for (int method : {1, 3})
        if (payload.size() >= 20 &&
            begins(payload, {0, method, any, any, 0x21, 0x12, 0xa4, 0x42}, true))
            return two(payload, 2) + 20 == length && length % 4 == 0;
    return false;
}

bool msturn_datagram(Payload payload, std::size_t length) {
    if (begins(payload, {0xff, 0x10}, true))
        return payload.size() >= 12 && two(payload, 2) + 4 == length;
    if (payload.size() < 20 || two(payload, 2) + 20 != length) return false;
    if (begins(payload, {0, 1}, true)) return true;  // a check, with or without a cookie
    const bool attribute =
        payload.size() >= 28 &&
        begins(payload.subspan(20), {0x00, 0x0f, 0x00, 0x04, 0x72, 0xc6, 0x4b, 0xc6}, true);
    for (int method : {3, 4, 6})
        if (begins(payload, {0, method}, true))
            return attribute || begins(payload.subspan(4), {0x21, 0x12, 0xa4, 0x42}, true);
    return false;
}

bool msturn_stream(Payload payload) {
    return tls(payload) || stun_stream(payload) || begins(payload, {0x80, 0x46}, false) ||
           begins(payload, {2, 0}, false) || begins(payload, {3, 0}, false);
}

bool rtp(Payload payload, std::size_t length) {
    if (payload.empty()) return false;
    const std::uint8_t first = payload[0];
    if (is_between(first, 128, 191)) return length >= 8;
    return first <= 3 || is_between(first, 16, 63);
}

bool sip(Payload payload, std::size_t length, bool tcp) {
    if (!tcp && length == 0) return true;
    if (payload.empty()) return false;
    const std::uint8_t first = payload[0];
    return is_between(first, 'A', 'Z') || first == '\r' || first == '\n' || (!tcp && first <= 3);
}

}  // namespace

bool fits(Check::Payload check, Payload here, std::size_t length, bool tcp) {
    switch (check) {
        case Check::Payload::tls:
            return tls(here);
        case Check::Payload::stun:
            return tcp ? stun_stream(here) || tls(here) : stun_datagram(here, length) || dtls(here);
        case Check::Payload::msturn:
            return tcp ? msturn_stream(here) : msturn_datagram(here, length);
        case Check::Payload::rtp:
            return rtp(here, length);
        case Check::Payload::sip:
            return sip(here, length, tcp);
        case Check::Payload::none:
            return true;
    }
    return true;
}

}  // namespace pm::naive
