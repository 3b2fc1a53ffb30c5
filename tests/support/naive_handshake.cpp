// SPDX-License-Identifier: Apache-2.0
// How the oracle sees that a tcp flow is established.
#include "tests/support/naive.h"

namespace pm::naive {

// A flow that no socket vouches for, as in test runs, is established by its handshake: by the
// segment that acknowledges the SYN or SYN-ACK of this host.
void Host::follow_handshake(Flow &flow, const Headers &headers, Direction direction) {
    constexpr std::uint8_t syn = 2, rst = 4, ack = 16;
    if (!headers.is_tcp() || headers.fragment) return;
    const std::uint8_t flags = headers.tcp_flags;
    if (direction == Direction::out) {
        if (flags & syn && flags & ack && (!flow.vouched || flow.ending)) flow.await(headers);
    } else if (flags & ack && !(flags & rst) && !flow.vouched &&
               flow.awaited == headers.acknowledged) {
        flow.vouched = flow.established = true;
        flow.closing = false;
    }
}

}  // namespace pm::naive
