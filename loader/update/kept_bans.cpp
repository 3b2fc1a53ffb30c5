// SPDX-License-Identifier: Apache-2.0
#include "loader/update/kept_bans.h"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/host/nft_sets.h"
#include "loader/host/nft_tables.h"
#include "loader/kernel/banned_now.h"
#include "loader/kernel/deployment.h"
#include "loader/state/ban_list.h"
#include "policy/image/compile.h"
#include "policy/image/intervals.h"

namespace pm {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr std::uint64_t tolerance = 2 * second;  // both are rounded

// How much later than its line a ban may end before the list is taken for an older copy, in
// seconds: both are rounded, and a step of the clock that is less than two seconds is none. Where
// so many ends are in force that they had to be rounded up, that was by less than two days.
constexpr std::uint64_t usual_slack = 5, rounded_slack = 2 * 86400;

std::vector<BannedRange> ranges_of(const std::vector<std::uint8_t> &image) {
    return image.empty() ? std::vector<BannedRange>() : banned_ranges(ImageView(image).view());
}

std::uint64_t slack_of(const std::vector<BannedRange> &in_force) {
    std::set<std::uint64_t> ends;
    for (const BannedRange &one : in_force) ends.insert(one.until);
    return ends.size() > max_classes / 2 ? rounded_slack : usual_slack;
}

// The addresses of these bans, each until the end that its line has, and `slack` seconds more. The
// end of a line of an earlier boot moves with the clock: it holds, however late it is in force.
Result<std::vector<BannedRange>> ranges_named(const BanList &list, std::uint64_t slack) {
    std::vector<Ban> named = list.bans;
    named.insert(named.end(), list.ended.begin(), list.ended.end());
    for (Ban &one : named) {
        if (one.earlier) one.expires.reset();
        if (one.expires) *one.expires += slack;
    }
    return compiled_bans(named).map(ranges_of);
}

// As bans, with the end that they have in force.
std::vector<Ban> as_bans(const std::vector<BannedRange> &ranges) {
    const std::uint64_t now = realtime_ns(), boottime = boottime_ns();
    std::vector<Ban> bans;
    for (const BannedRange &one : ranges) {
        std::optional<std::uint64_t> end;
        if (one.until != never) end = (now + (one.until - boottime) + second / 2) / second;
        for (const Prefix &prefix : AddressSet({one.range}).prefixes())
            bans.push_back({.prefix = prefix,
                            .created = now / second,
                            .expires = end,
                            .owner = unknown_owner});
    }
    return bans;
}

// Whom the parachute bans. Where the kernel does not say that it is there, it is not.
Result<std::vector<BannedRange>> banned_by_parachute() {
    std::vector<BannedRange> banned;
    if (!has_nft_table(parachute_table).value_or(false)) return banned;
    const std::uint64_t now = boottime_ns();
    for (const char *set : parachute_bans) {
        const auto ranges = read_nft_set(parachute_table, set);
        if (!ranges) return tl::unexpected(ranges.error());
        for (const NftRange &one : *ranges)
            banned.push_back({.range = one.range, .until = one.left ? now + *one.left : never});
    }
    return banned;
}

// What is banned in force and no line of the list names, or none for so long.
Result<std::vector<Ban>> unlisted_of(const BanList &list, std::vector<BannedRange> in_force) {
    // What ends at once is not worth a word: the list may have dropped it a moment ago.
    const std::uint64_t soon = boottime_ns() + tolerance;
    std::erase_if(in_force, [&](const BannedRange &one) { return one.until < soon; });
    if (in_force.empty()) return std::vector<Ban>();
    return ranges_named(list, slack_of(in_force)).map([&](const std::vector<BannedRange> &named) {
        return as_bans(banned_longer(in_force, named, 0));
    });
}

}  // namespace

std::vector<Ban> KeptBans::all() const {
    std::vector<Ban> both = listed;
    both.insert(both.end(), unlisted.begin(), unlisted.end());
    return both;
}

Result<KeptBans> read_kept_bans(const Paths &paths, const Switch *control) {
    auto list = read_ban_list(paths);
    if (!list) return tl::unexpected(list.error());
    KeptBans kept = {.listed = list->bans, .unlisted = {}};
    auto parachute = banned_by_parachute();
    if (!parachute) return tl::unexpected(parachute.error());
    for (const auto &in_force :
         {control ? banned_now(*control) : std::vector<BannedRange>(), *parachute}) {
        const auto unlisted = unlisted_of(*list, in_force);
        if (!unlisted) return tl::unexpected(unlisted.error());
        kept.unlisted.insert(kept.unlisted.end(), unlisted->begin(), unlisted->end());
        list->bans.insert(list->bans.end(), unlisted->begin(), unlisted->end());
    }
    return kept;
}

Result<KeptBans> read_kept_bans(const Paths &paths) {
    const auto now = open_deployment(paths);
    return read_kept_bans(paths, now && *now ? &(*now)->control : nullptr);
}

Result<std::vector<Ban>> banned_beyond(const Switch &control, const std::vector<Ban> &bans) {
    return compiled_bans(bans).map([&](const std::vector<std::uint8_t> &image) {
        return as_bans(banned_longer(banned_now(control), ranges_of(image), tolerance));
    });
}

std::string unlisted_fact(const KeptBans &bans) {
    if (bans.unlisted.empty()) return {};
    const bool is_one = bans.unlisted.size() == 1;
    return fmt::format(
        "{} of addresses in force {} not in the list, or not until {} end: it was lost or changed "
        "by others",
        is_one ? "a ban" : fmt::format("{} bans", bans.unlisted.size()), is_one ? "is" : "are",
        is_one ? "its" : "their");
}

std::string unlisted_warning(const KeptBans &bans) {
    return fmt::format("{}; a reboot would lift {}", unlisted_fact(bans),
                       bans.unlisted.size() == 1 ? "it" : "them");
}

std::string unlisted_text(const KeptBans &bans) {
    if (bans.unlisted.empty()) return {};
    return fmt::format(
        "warning: {}; {} as of the owner '{}': 'portmatrix bans' shows what is banned, 'portmatrix "
        "unban' lifts it",
        unlisted_fact(bans), bans.unlisted.size() == 1 ? "it is kept" : "they are kept",
        unknown_owner);
}

}  // namespace pm
