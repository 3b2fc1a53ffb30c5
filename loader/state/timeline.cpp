// SPDX-License-Identifier: Apache-2.0
#include "loader/state/timeline.h"

#include <map>

namespace pm {

std::vector<Step> steps_of(const std::vector<HistoryEntry> &entries) {
    std::vector<Step> steps;
    std::map<std::uint64_t, std::uint64_t> before;  // by generation: the one that it took over from
    for (const HistoryEntry &one : entries) {
        if (!changes_policy(one)) continue;
        if (one.action == "detach") {
            if (!steps.empty()) steps.back().detached.push_back(one);
            continue;
        }
        if (one.generation == 0) continue;  // a shadow
        const std::uint64_t now = steps.empty() ? 0 : steps.back().generation;
        if (one.action != "expire") {
            if (one.generation != now) before[one.generation] = now;
            // A rollback of the first policy, which waited to be confirmed.
            const bool is_first = one.action == "rollback" && one.generation == now;
            steps.push_back({.entry = one, .generation = one.generation, .became_audit = is_first});
            continue;
        }
        const auto fallback = before.find(one.generation);
        const bool is_first = fallback == before.end() || fallback->second == 0;
        steps.push_back({.entry = one,
                         .generation = is_first ? one.generation : fallback->second,
                         .became_audit = is_first});
    }
    return steps;
}

const Step *step_at(const std::vector<Step> &steps, std::uint64_t time) {
    for (auto one = steps.rbegin(); one != steps.rend(); ++one)
        if (one->entry.time <= time) return &*one;
    return nullptr;
}

const HistoryEntry *made_by(const std::vector<Step> &steps, std::uint64_t generation) {
    for (const Step &one : steps)
        if (one.entry.generation == generation && one.entry.action != "expire") return &one.entry;
    return nullptr;
}

}  // namespace pm
