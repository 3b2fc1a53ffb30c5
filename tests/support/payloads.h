// SPDX-License-Identifier: Apache-2.0
// The first bytes that a client sends, for each protocol on the ports of an Edge.
#pragma once

#include <cstdint>
#include <string_view>

#include "tests/support/packet.h"

namespace pm::test {

// A STUN header and `attributes`; the header states their length.
Bytes stun(std::uint16_t type, const Bytes &attributes = {}, std::uint32_t cookie = 0x2112a442);

// An MS-TURN request: 128 bits of transaction id, the attribute that holds its own cookie, and
// attributes that are not padded.
Bytes msturn(std::uint16_t type, const Bytes &attributes = {});

// A frame of multiplexed MS-TURN with `size` bytes of data behind its session id.
Bytes msturn_frame(std::size_t size);

// The first record of a TLS connection. `minor` is that of the record's version.
Bytes client_hello(std::uint8_t minor = 1);
Bytes dtls_hello();

Bytes rtp(std::size_t size = 172);
Bytes text(std::string_view text);

}  // namespace pm::test
