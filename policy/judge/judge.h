// SPDX-License-Identifier: Apache-2.0
// Questions to a compiled policy without the kernel: explain and expect.
#pragma once

#include <cstdint>
#include <string>

#include "policy/image/compile.h"
#include "policy/judge/question.h"
#include "policy/model/model.h"

namespace pm {

struct Answer {
    bool pass = false;
    std::string row;                  // id, of an essential too; empty: dropped
    pm_reason reason = PM_UNDECIDED;  // of a drop
    std::string why;                  // a sentence
};

// Between which ports a DHCP client asks a server: what is essential, as bpf/essentials.h has it.
struct DhcpPorts {
    std::uint16_t client, server;
};
inline constexpr DhcpPorts dhcp_v4{68, 67}, dhcp_v6{546, 547};

inline constexpr std::uint32_t essential_verdict = 0xffff;  // pm_reason_of() an essential

// Is the address listed for a role? Of a role that is `interface` none is.
bool is_listed(pm_view image, const Address &address);

// What the programs say of such a packet while no flow is live: an essential, or pm_judge of the
// flow that it would open; a datagram that no row lets open one may still have the ports of an
// answer. The verdict is a row's number, a reason << 16, or 0xffff0000 | an essential.
std::uint32_t judge_first(pm_view image, pm_view bans, std::uint64_t now, const Question &question);

Answer ask(const Policy &policy, const ImageView &image, const Question &question);

}  // namespace pm
