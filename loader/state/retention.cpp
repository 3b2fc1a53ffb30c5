// SPDX-License-Identifier: Apache-2.0
#include "loader/state/retention.h"

#include <algorithm>

#include <fmt/core.h>

#include "policy/base/text.h"

namespace pm {
namespace {

constexpr std::uint64_t ns_a_day = std::uint64_t{86'400} * 1'000'000'000;

// The bytes that keeping this one takes, beside the set files that are kept already.
std::uint64_t take(const StoredGeneration &one,
                   const std::map<std::string, std::uint64_t> &set_sizes,
                   std::set<std::string> &kept_sets) {
    std::uint64_t bytes = one.disk;
    for (const std::string &sha256 : one.set_files) {
        const auto size = set_sizes.find(sha256);
        if (kept_sets.insert(sha256).second && size != set_sizes.end()) bytes += size->second;
    }
    return bytes;
}

std::set<std::uint64_t> choose_whole(const std::vector<StoredGeneration> &stored,
                                     const std::set<std::uint64_t> &needed, std::size_t most) {
    std::set<std::uint64_t> whole;
    std::size_t confirmed = 0;
    for (auto one = stored.rbegin(); one != stored.rend(); ++one)
        if ((one->confirmed && confirmed++ < most) || needed.contains(one->number) ||
            one == stored.rbegin())
            whole.insert(one->number);
    return whole;
}

}  // namespace

Retention choose_kept(const std::vector<StoredGeneration> &stored,
                      const std::set<std::uint64_t> &needed,
                      const std::map<std::string, std::uint64_t> &set_sizes, std::uint64_t now,
                      const RetentionLimits &limits) {
    Retention kept = {
        .whole = choose_whole(stored, needed, limits.whole), .as_text = {}, .cut = {}};
    std::set<std::string> kept_sets;
    for (const StoredGeneration &one : stored)
        if (kept.whole.contains(one.number)) take(one, set_sizes, kept_sets);
    std::uint64_t bytes = 0;
    std::size_t count = 0;
    for (auto one = stored.rbegin(); one != stored.rend(); ++one) {
        const bool among_last = count++ < limits.as_text;
        if (kept.whole.contains(one->number)) continue;
        if (!among_last && one->applied_at + limits.days * ns_a_day < now) continue;
        if (bytes <= limits.disk) bytes += take(*one, set_sizes, kept_sets);
        if (bytes <= limits.disk)
            kept.as_text.insert(one->number);
        else
            kept.cut.push_back(one->number);
    }
    std::ranges::reverse(kept.cut);
    return kept;
}

std::string numbers_text(const std::vector<std::uint64_t> &numbers) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t end = i;
        while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) ++end;
        if (end == i)
            parts.push_back(std::to_string(numbers[i]));
        else
            parts.push_back(
                fmt::format("{} {} {}", numbers[i], end == i + 1 ? "and" : "to", numbers[end]));
        i = end + 1;
    }
    return joined(parts);
}

}  // namespace pm
