// SPDX-License-Identifier: Apache-2.0
// Questions to a compiled policy without the kernel: explain and expect.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/compile.h"
#include "policy/diagnostic.h"
#include "policy/model.h"

namespace pm {

struct Question {
    Address from, to;
    std::uint16_t from_port = 0, to_port = 0;
    std::uint8_t transport = 0;
    Direction direction = Direction::in;
    unsigned interface = 0;  // number
};

struct Answer {
    bool pass = false;
    std::string row;                  // id, of an essential too; empty: dropped
    pm_reason reason = PM_UNDECIDED;  // of a drop
    std::string why;                  // a sentence
};

constexpr std::uint32_t essential_verdict = 0xffff;  // pm_reason_of() an essential

// Is the address listed for a role? Of a role that is `interface` none is.
bool is_listed(pm_view image, const Address &address);

pm_tuple to_tuple(const Question &question);
Question to_question(const pm_tuple &tuple);
std::string to_string(const Question &question);  // "tcp 198.51.100.7:40000 -> 203.0.113.10:5061"

// What the programs say of such a packet while no flow is live: an essential, or pm_judge of the
// flow that it would open; a datagram that no row lets open one may still have the ports of an
// answer. The verdict is a row's number, a reason << 16, or 0xffff0000 | an essential.
std::uint32_t judge_first(pm_view image, pm_view bans, std::uint64_t now, const Question &question);

Answer ask(const Policy &policy, const ImageView &image, const Question &question);

const char *reason_label(pm_reason reason);         // "no-row"; nullptr: no such reason
const char *essential_id(unsigned id);              // "essential-arp"; nullptr: no such one
std::string transport_name(std::uint8_t protocol);  // "tcp", "udp", "icmp", "icmpv6", "47"

// The policy's own tests, for every packet that each describes, on the interfaces that have a
// number in the image; failures as errors with a witness, a test that describes no packet as a
// warning. Returns how many were asked; `packets` takes the packets themselves.
std::size_t check_expectations(const Policy &policy, const ImageView &image,
                               Diagnostics &diagnostics, std::vector<Question> *packets = nullptr);

}  // namespace pm
