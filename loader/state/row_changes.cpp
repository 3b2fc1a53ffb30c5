// SPDX-License-Identifier: Apache-2.0
#include "loader/state/row_changes.h"

#include "policy/language/read.h"
#include "policy/model/diff.h"

namespace pm {
namespace {

RowChange change_by(const Step &step) {
    return {.entry = step.entry, .generation = step.generation};
}

}  // namespace

std::map<std::string, RowChange> row_changes(const std::vector<Step> &steps,
                                             const RowDigestsOf &digests_of) {
    std::map<std::string, RowChange> changes;
    if (steps.empty()) return changes;
    const auto last = digests_of(steps.back().generation);
    if (!last) return changes;
    RowDigests open = *last;  // rows that may have been the same before, too
    for (const auto &[id, digest] : open) changes[id] = change_by(steps.back());
    for (auto step = steps.rbegin() + 1; step != steps.rend() && !open.empty(); ++step) {
        const bool is_same = step->generation == (step - 1)->generation;
        const auto digests = is_same ? std::optional(open) : digests_of(step->generation);
        if (!digests) break;
        std::erase_if(open, [&](const auto &row) {
            const auto then = digests->find(row.first);
            return then == digests->end() || then->second != row.second;
        });
        for (const auto &[id, digest] : open) changes[id] = change_by(*step);
    }
    // The very first policy is a generation 1, and nothing was in force before it.
    for (const auto &[id, digest] : open) changes[id].or_before = changes[id].entry.generation != 1;
    return changes;
}

std::optional<RowDigests> stored_row_digests(const Store &store, std::uint64_t number) {
    if (auto about = store.any_generation(number); about && !about->rows.empty())
        return std::move(about->rows);
    const ReadResult read = read_policy(store.policy_path(number), {});
    if (!read.policy || read.diagnostics.has_errors()) return std::nullopt;
    return row_digests(*read.policy);
}

}  // namespace pm
