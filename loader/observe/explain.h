// SPDX-License-Identifier: Apache-2.0
// Why a flow's first packet would pass or be dropped: asked of a compiled policy, or of the
// programs in the kernel.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"

namespace pm {

struct Explanation {
    std::string interface;  // empty: the policy names none
    Direction direction = Direction::in;
    bool pass = false;
    std::string row;     // id, of an essential too; empty: none, or the interface is unfiltered
    std::string reason;  // of a drop
    std::string why;
};

// What the user wrote, before direction and source port are settled.
struct Tuple {
    Address from, to;
    std::optional<std::uint16_t> from_port, to_port;
    std::uint8_t transport = 0;
    std::optional<Direction> direction;
};

// "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443"; "tcp", "icmpv6", "47".
// Errors are usage faults.
Result<Tuple> parse_tuple(const std::string &from, const std::string &to,
                          const std::string &protocol);

// Which way the flow goes if the user does not say: out, if `from` is an address of this host.
// `note` is set where neither side or both are.
Direction guess_direction(const Tuple &tuple, const std::function<bool(const Address &)> &is_own,
                          std::string &note);

// An interface that a file is asked about: its number in the image, and its name.
struct AskedInterface {
    unsigned number = 0;
    std::string name;  // empty: neither the policy nor the user names one
};

// Those named; else those of every role that has the address, else of the role that is whatever
// arrives, else all. A name that the policy does not place is a usage fault.
Result<std::vector<AskedInterface>> asked_interfaces(const Policy &policy,
                                                     const std::vector<std::string> &names,
                                                     const Address &local);

// Answers for one source port.
using Ask = std::function<Result<Explanation>(const Question &)>;

// Asks for the source port given or, where none is, for one of each run of ports that rows tell
// apart; a usage fault if the answers differ.
Result<Explanation> explain(pm_view image, const Tuple &tuple, Direction direction,
                            unsigned interface, const Ask &ask);

// Asks the probe programs about the policy in force on the question's interface.
Result<Explanation> ask_kernel(const Pins &pins, const Switch &control, const Question &question);

}  // namespace pm
