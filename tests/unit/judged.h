// SPDX-License-Identifier: Apache-2.0
// Asks a compiled policy in user space, with questions written as text.
#pragma once

#include <cstdint>
#include <string>

#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/model/model.h"

namespace pm::test {

inline constexpr std::uint8_t tcp = PM_PROTO_TCP, udp = PM_PROTO_UDP, icmp = PM_PROTO_ICMP,
                              icmpv6 = PM_PROTO_ICMPV6;

// "in tcp 192.0.2.1:40000 > 203.0.113.10:443", "out icmp 203.0.113.10 > 192.0.2.1",
// "[2001:db8::1]:443" for IPv6 with a port.
Question question(const std::string &text, unsigned interface = 0);

// A policy, compiled. Asked about a packet it returns the id of the row, or the reason. A policy
// that cannot be compiled fails the test.
class Judged {
public:
    explicit Judged(const Policy &policy, const CompileOptions &options = {});

    std::string operator()(const std::string &packet, unsigned interface = 0) const;
    std::string operator()(const Question &question) const;
    Answer ask(const std::string &packet, unsigned interface = 0) const;

    const Policy policy;
    const Image image;
    const ImageView view;
};

}  // namespace pm::test
