// SPDX-License-Identifier: Apache-2.0
#include "tests/support/verdict.h"

namespace pm::test {

Verdict verdict_of(std::uint32_t number) {
    if (number >> 16 == 0xffff) return essential(static_cast<pm_essential>(number & 0xffff));
    if (number >> 16) return drop(static_cast<pm_reason>(number >> 16));
    return row(static_cast<int>(number));
}

std::string to_string(const Verdict &verdict, const Policy &policy) {
    if (verdict.kind == Verdict::Kind::row) {
        auto index = static_cast<std::size_t>(verdict.number);
        return index < policy.rows.size() ? "row " + policy.rows[index].id
                                          : "row number " + std::to_string(index);
    }
    for (const Named &named : verdict.kind == Verdict::Kind::essential ? essentials() : reasons())
        if (named.id == verdict.number) return named.label;
    return "unknown " + std::to_string(verdict.number);
}

std::span<const Named> reasons() {
    static constexpr Named all[] = {
#define PM_REASON(id, name, label, meaning) {id, label},
#include "maps/reasons.def"
#undef PM_REASON
    };
    return all;
}

std::span<const Named> essentials() {
    static constexpr Named all[] = {
#define PM_ESSENTIAL(id, name, label, meaning) {id, label},
#include "maps/essentials.def"
#undef PM_ESSENTIAL
    };
    return all;
}

}  // namespace pm::test
