// SPDX-License-Identifier: Apache-2.0
#include "tests/support/payloads.h"

namespace pm::test {

namespace {

Bytes joined(Bytes one, const Bytes &other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

}  // namespace

Bytes stun(std::uint16_t type, const Bytes &attributes, std::uint32_t cookie) {
    Bytes message;
    put16(message, type);
    put16(message, static_cast<unsigned>(attributes.size()));
    put16(message, cookie >> 16);
    put16(message, cookie & 0xffff);
    message.resize(20, 0x7a);
    return joined(message, attributes);
}

Bytes msturn(std::uint16_t type, const Bytes &attributes) {
    return stun(type, joined({0x00, 0x0f, 0x00, 0x04, 0x72, 0xc6, 0x4b, 0xc6}, attributes),
                0x9b1c03d5);
}

Bytes msturn_frame(std::size_t size) {
    Bytes message{0xff, 0x10};
    put16(message, static_cast<unsigned>(8 + size));
    message.resize(12 + size, 0x80);
    return message;
}

Bytes client_hello(std::uint8_t minor) {
    Bytes record{0x16, 3, minor, 0, 0x2d, 1, 0, 0, 0x29, 3, 3};
    record.resize(50, 0x11);
    return record;
}

Bytes dtls_hello() {
    Bytes record{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x2d, 1};
    record.resize(58, 0x11);
    return record;
}

Bytes rtp(std::size_t size) {
    Bytes packet{0x80, 0x08};
    packet.resize(size, 0xd5);
    return packet;
}

Bytes text(std::string_view text) {
    return {text.begin(), text.end()};
}

}  // namespace pm::test
