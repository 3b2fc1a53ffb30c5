// SPDX-License-Identifier: Apache-2.0
// Asks a compiled policy, without the kernel, what it says of a flow's first packet. `explain FILE`
// asks about one packet, `check` about all that the policy's own tests describe, and an update asks
// the kernel the same questions to compare.
//
// A Question (question.h) gets an Answer: the verdict, the row or the reason, and a sentence of
// why.h. The verdict comes from the image by maps/lookup.h, the code that the kernel runs too, so
// that both cannot differ. What the programs decide without the image stands in judge.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "maps/image.h"
#include "policy/image/compile.h"
#include "policy/judge/moment.h"
#include "policy/judge/question.h"
#include "policy/judge/why.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

struct Answer {
    bool pass = false;
    std::string row;                  // id, of an essential too; empty: dropped
    pm_reason reason = PM_UNDECIDED;  // of a drop
    Why why;
};

// The ports of a DHCP client's request, which is essential (bpf/essentials.h).
struct DhcpPorts {
    std::uint16_t client, server;
};
inline constexpr DhcpPorts dhcp_v4{68, 67}, dhcp_v6{546, 547};

// pm_reason_of() of the verdict on an essential packet. pm_row_of() is then enum pm_essential.
inline constexpr std::uint32_t essential_verdict = 0xffff;

// Is the address listed for a role? A role that is `interface` lists none.
bool is_listed(pm_view image, const Address &address);

// What the programs say of such a packet while no flow is live:
//   an essential packet passes
//   any other is judged as the opener of a flow (pm_judge)
//   a datagram that no row lets open a flow is judged once more, as the reply of a flow that the
//   other side opened; such a flow is not live, so this gives only a better reason.
// The verdict is a row's number, a reason << 16, or 0xffff0000 | an essential.
std::uint32_t judge_first(pm_view image, pm_view bans, pm_moment when, const Question &question);

// The number of the row that would permit the packet if no date were past; none: that makes no
// difference to `verdict`, which judge_first() has said of it now.
std::optional<std::uint32_t> expired_row(pm_view image, const Question &question,
                                         std::uint32_t verdict);

// Asks what the policy says at present.
Answer ask(const Policy &policy, const ImageView &image, const Question &question);

// The same for a verdict that is known, with what expired_row() says of it. `interface` is empty
// where the policy names none.
Answer answer_of(std::uint32_t verdict, std::optional<std::uint32_t> expired, const Policy &policy,
                 const std::string &interface, const Question &question);

// Says in an answer that this row (its id) would decide, but for its date.
void add_expired(const std::string &row, std::uint64_t expires, Answer &answer);

}  // namespace pm
