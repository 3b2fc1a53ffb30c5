// SPDX-License-Identifier: Apache-2.0
// Why a flow's first packet would pass or be dropped. Who is asked is given: a compiled policy by
// the command, or the programs in the kernel (ask_kernel.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "loader/observe/explain_arguments.h"
#include "maps/image.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/bans.h"
#include "policy/model/model.h"

namespace pm {

struct Explanation {
    std::string interface;  // empty: the policy names none
    Direction direction = Direction::in;
    bool pass = false;
    std::string row;     // id, of an essential too; empty: none, or the interface is unfiltered
    std::string reason;  // of a drop
    Why why;
    std::uint8_t transport = 0;
    std::optional<Ban> ban;  // of a drop by a ban; the one that ends last
};

Explanation explanation_of(const Answer &answer, const Question &question);

// Answers the question for its one source port.
using Ask = std::function<Result<Explanation>(const Question &)>;

// Asks with the source port of `tuple`. If it has none, asks with one port of each run of ports
// that rows may tell apart; if the answers differ, that is a usage fault which lists them.
Result<Explanation> explain(pm_view image, const Tuple &tuple, Direction direction,
                            unsigned interface, const Ask &ask);

}  // namespace pm
