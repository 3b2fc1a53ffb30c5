// SPDX-License-Identifier: Apache-2.0
// The oracle on rows with a date: when a flow began; see naive.h.
#include "tests/support/naive.h"

namespace pm::naive {

// Of a connection that is known, even if it is dead; else before every date.
std::uint64_t Host::begun_before(Opening ends, Direction opener) const {
    ends.opener = opener;
    const auto flow = flows_.find(ends);
    return flow == flows_.end() ? 0 : flow->second.begun;
}

// A segment of tcp, as one of a connection that has begun before.
Host::Judged Host::judge_as_begun(const Opening &own, Direction direction) const {
    Opening answer = own;
    answer.opener = own.opener == Direction::in ? Direction::out : Direction::in;
    Judged judged;
    for (const Opening &one : {own, answer}) {
        if (!gate(*policy_, one)) continue;
        judged = {ask(one, direction, begun_before(one, one.opener)), one.opener};
        if (judged.verdict.passes()) return judged;
    }
    return judged;
}

}  // namespace pm::naive
