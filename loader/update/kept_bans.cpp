// SPDX-License-Identifier: Apache-2.0
#include "loader/update/kept_bans.h"

#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/kernel/banned_now.h"
#include "loader/state/ban_list.h"
#include "policy/image/compile.h"

namespace pm {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr std::uint64_t tolerance = 2 * second;  // both are rounded

std::vector<BannedRange> ranges_of(const std::vector<std::uint8_t> &image) {
    return image.empty() ? std::vector<BannedRange>() : banned_ranges(ImageView(image).view());
}

// The addresses of these bans, whenever they end.
Result<std::vector<BannedRange>> ranges_named(const BanList &list) {
    std::vector<Ban> named = list.bans;
    named.insert(named.end(), list.ended.begin(), list.ended.end());
    for (Ban &one : named) one.expires.reset();
    return compiled_bans(named).map(ranges_of);
}

// As bans, with the end that the programs go by.
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

}  // namespace

std::vector<Ban> KeptBans::all() const {
    std::vector<Ban> both = listed;
    both.insert(both.end(), unlisted.begin(), unlisted.end());
    return both;
}

Result<KeptBans> read_kept_bans(const Paths &paths, const Switch *control) {
    auto list = read_ban_list(paths);
    if (!list) return tl::unexpected(list.error());
    if (!control) return KeptBans{.listed = std::move(list->bans), .unlisted = {}};
    std::vector<BannedRange> in_force = banned_now(*control);
    // What ends at once is not worth a word: the list may have dropped it a moment ago.
    const std::uint64_t soon = boottime_ns() + tolerance;
    std::erase_if(in_force, [&](const BannedRange &one) { return one.until < soon; });
    if (in_force.empty()) return KeptBans{.listed = std::move(list->bans), .unlisted = {}};
    auto named = ranges_named(*list);
    if (!named) return tl::unexpected(named.error());
    // However much longer: only what is not named at all.
    return KeptBans{.listed = std::move(list->bans),
                    .unlisted = as_bans(banned_longer(in_force, *named, never))};
}

Result<std::vector<Ban>> banned_beyond(const Switch &control, const std::vector<Ban> &bans) {
    return compiled_bans(bans).map([&](const std::vector<std::uint8_t> &image) {
        return as_bans(banned_longer(banned_now(control), ranges_of(image), tolerance));
    });
}

std::string unlisted_text(const KeptBans &bans) {
    if (bans.unlisted.empty()) return {};
    return fmt::format(
        "warning: {} of addresses in force {} not in the list, which was lost or changed by "
        "others; {} as of the owner '{}': 'portmatrix bans' shows what is banned, 'portmatrix "
        "unban' lifts it",
        bans.unlisted.size() == 1 ? "a ban" : fmt::format("{} bans", bans.unlisted.size()),
        bans.unlisted.size() == 1 ? "is" : "are",
        bans.unlisted.size() == 1 ? "it is kept" : "they are kept", unknown_owner);
}

}  // namespace pm
