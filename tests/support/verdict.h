// SPDX-License-Identifier: Apache-2.0
// The verdict on a packet, in the form in which the oracle and the kernel are compared.
#pragma once

#include <span>
#include <string>

#include "maps/abi.h"
#include "policy/model/model.h"

namespace pm::test {

struct Verdict {
    enum class Kind { drop, row, essential };

    Kind kind = Kind::drop;
    int number = 0;  // enum pm_reason, index of Policy::rows, or enum pm_essential

    bool passes() const { return kind != Kind::drop; }
    auto operator<=>(const Verdict &) const = default;
};

inline Verdict drop(pm_reason reason) {
    return {Verdict::Kind::drop, reason};
}
inline Verdict row(int index) {
    return {Verdict::Kind::row, index};
}
inline Verdict essential(pm_essential id) {
    return {Verdict::Kind::essential, id};
}

// From a number that the probe programs or judge_first() return.
Verdict verdict_of(std::uint32_t number);

// As tests write it: "row access-in", "essential-arp", "no-row".
std::string to_string(const Verdict &verdict, const Policy &policy);

// Every reason and every essential there is.
struct Named {
    int id;
    const char *label;
};
std::span<const Named> reasons();
std::span<const Named> essentials();

}  // namespace pm::test
