// SPDX-License-Identifier: Apache-2.0
#include "loader/update/ban.h"

#include <map>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/clock.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/banned_now.h"
#include "loader/state/ban_list.h"
#include "loader/update/rollout.h"
#include "policy/image/ban_image.h"
#include "policy/image/image_ranges.h"

namespace pm {
namespace {

constexpr int widest_v4 = 8, widest_v6 = 32;
constexpr std::uint64_t rounding_ns = 1'500'000'000;
constexpr std::size_t prefixes_warned_of = 100;  // of a longer list there are no warnings

// By the range of the prefix, so that the same prefix is found again.
using BanMap = std::map<Range, Ban>;

std::vector<Ban> bans_in(const BanMap &map) {
    std::vector<Ban> bans;
    for (const auto &[range, one] : map) bans.push_back(one);
    return bans;
}

// Opens the rollout and reads the bans as they are now.
Result<BanMap> open_bans(const Paths &paths, Rollout &rollout) {
    if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
    auto bans = read_bans(paths);
    if (!bans) return tl::unexpected(bans.error());
    BanMap map;
    for (const Ban &one : *bans) map[one.prefix.range()] = one;
    return map;
}

// An address of this host in the range, if there is one.
std::optional<Address> host_address_in(const std::vector<OwnAddress> &own, const Range &range) {
    for (const OwnAddress &one : own)
        if (!(one.address < range.first) && !(range.last < one.address)) return one.address;
    return std::nullopt;
}

pm_view image_in_force(const Rollout &rollout) {
    return rollout.control()->image(rollout.in_force_before().state.record.image);
}

Done check_prefix(const Prefix &prefix, const std::vector<OwnAddress> &own,
                  const Rollout &rollout) {
    const bool v4 = prefix.address.is_v4();
    if (prefix.length < (v4 ? widest_v4 : widest_v6))
        return fault(fmt::format("{} is too wide to ban: at most /{}", to_string(prefix),
                                 v4 ? widest_v4 : widest_v6),
                     "block a set of this size in the policy", Exit::refused);
    if (const auto found = host_address_in(own, prefix.range()))
        return fault(fmt::format("{} holds {}, an address of this host", to_string(prefix),
                                 to_string(*found)),
                     "ban a narrower prefix", Exit::refused);
    if (rollout.has_policy_in_force() && holds_own_address(image_in_force(rollout), prefix.range()))
        return fault(fmt::format("{} holds an own address of the policy", to_string(prefix)),
                     "ban a narrower prefix", Exit::refused);
    return {};
}

// A warning if failsafe rows pass for addresses of the prefix, banned or not.
std::optional<std::string> failsafe_warning(const Prefix &prefix, const Rollout &rollout) {
    if (!rollout.has_policy_in_force()) return std::nullopt;
    std::vector<std::string> rows;
    const std::vector<CatalogRow> &all = rollout.in_force_before().catalog.rows;
    for (const std::uint32_t row : failsafe_rows_for(image_in_force(rollout), prefix.range()))
        if (row < all.size()) rows.push_back(all[row].id);
    if (rows.empty()) return std::nullopt;
    return fmt::format("warning: failsafe row {} still passes for {}", fmt::join(rows, ", "),
                       to_string(prefix));
}

enum class SshSessions { guarded, may_be_cut };

// Puts the bans `after` in force instead of `before`, on disk and in the kernel, or on neither. The
// steps are in the header.
Result<BanOutcome> put_in_force(const Paths &paths, Rollout &rollout, const BanMap &before,
                                const BanMap &after, SshSessions sessions) {
    const std::vector<Ban> bans = bans_in(after);
    const bool enforced = rollout.has_policy_in_force();
    if (enforced) {
        auto image = compiled_bans(bans);
        if (!image) return tl::unexpected(image.error());
        auto prepared = rollout.prepare_bans(*image).and_then([&]() -> Done {
            if (sessions == SshSessions::may_be_cut) return {};
            return rollout.guard_bans("keep it with a failsafe row, or cut it with --force");
        });
        if (!prepared) return tl::unexpected(prepared.error());
    }
    auto folder = make_private_folder(paths.state);
    if (!folder) return tl::unexpected(folder.error());
    auto done = write_bans(paths, bans).and_then([&]() -> Done {
        if (!enforced) return {};
        return rollout.commit_bans();
    });
    if (!done) {
        (void)write_bans(paths, bans_in(before));  // the first fault is the one to report
        return tl::unexpected(done.error());
    }
    return BanOutcome{.bans = bans.size(), .enforced = enforced, .notes = rollout.notes()};
}

}  // namespace

Result<BanOutcome> ban(const Paths &paths, const BanRequest &request) {
    Rollout rollout(paths);
    auto before = open_bans(paths, rollout);
    if (!before) return tl::unexpected(before.error());
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    BanMap after = *before;
    std::vector<std::string> warnings;
    const std::uint64_t now = realtime_seconds();
    const std::uint64_t begun = now + 1;  // the ban lasts its time at least
    for (const Prefix &prefix : request.prefixes) {
        if (auto allowed = check_prefix(prefix, *own, rollout); !allowed)
            return tl::unexpected(allowed.error());
        if (request.prefixes.size() <= prefixes_warned_of)
            if (auto warning = failsafe_warning(prefix, rollout)) warnings.push_back(*warning);
        after[prefix.range()] = {
            .prefix = prefix,
            .created = now,
            .expires = request.seconds ? std::optional(begun + *request.seconds) : std::nullopt};
    }
    auto outcome = put_in_force(paths, rollout, *before, after,
                                request.force ? SshSessions::may_be_cut : SshSessions::guarded);
    if (outcome) outcome->notes.insert(outcome->notes.end(), warnings.begin(), warnings.end());
    return outcome;
}

Result<BanOutcome> unban(const Paths &paths, const std::vector<Prefix> &prefixes) {
    Rollout rollout(paths);
    auto before = open_bans(paths, rollout);
    if (!before) return tl::unexpected(before.error());
    BanMap after = *before;
    for (const Prefix &prefix : prefixes)
        if (after.erase(prefix.range()) == 0)
            return fault(fmt::format("{} is not banned", to_string(prefix)),
                         "see 'portmatrix bans' for what is");
    return put_in_force(paths, rollout, *before, after, SshSessions::may_be_cut);
}

Result<std::optional<std::string>> place_bans_anew(const Paths &paths) {
    Rollout rollout(paths);
    auto list = open_bans(paths, rollout);
    if (!list) return tl::unexpected(list.error());
    if (!list->empty())
        if (auto done = write_bans(paths, bans_in(*list)); !done)
            return tl::unexpected(done.error());
    if (!rollout.has_policy_in_force()) return std::nullopt;
    auto image = compiled_bans(bans_in(*list));
    if (!image) return tl::unexpected(image.error());
    const std::vector<BannedRange> before = banned_now(*rollout.control());
    const std::vector<BannedRange> after =
        image->empty() ? std::vector<BannedRange>() : banned_ranges(ImageView(*image).view());
    const std::size_t longer = banned_longer(after, before, rounding_ns).size();
    const std::size_t shorter = banned_longer(before, after, rounding_ns).size();
    if (longer + shorter == 0) return std::nullopt;
    auto done = rollout.prepare_bans(*image).and_then([&] { return rollout.commit_bans(); });
    if (!done) return tl::unexpected(done.error());
    return fmt::format(
        "the clock was set, and the bans end by it now: {} ranges of addresses earlier, {} later",
        shorter, longer);
}

}  // namespace pm
