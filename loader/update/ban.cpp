// SPDX-License-Identifier: Apache-2.0
#include "loader/update/ban.h"

#include <map>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/clock.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/banned_now.h"
#include "loader/state/ban_list.h"
#include "loader/update/ban_policy.h"
#include "loader/update/kept_bans.h"
#include "loader/update/rollout.h"
#include "policy/base/text.h"
#include "policy/image/ban_image.h"
#include "policy/image/image_ranges.h"

namespace pm {
namespace {

constexpr int widest_v4 = 8, widest_v6 = 32;
constexpr std::uint64_t rounding_ns = 1'500'000'000;
constexpr std::size_t prefixes_warned_of = 100;  // of a longer list there are no warnings

// By the range of the prefix, so that the same prefix is found again, and by owner.
using BanKey = std::pair<Range, std::string>;
using BanMap = std::map<BanKey, Ban>;

BanKey key_of(const Ban &ban) {
    return {ban.prefix.range(), ban.owner};
}

std::vector<Ban> bans_in(const BanMap &map) {
    std::vector<Ban> bans;
    for (const auto &[key, one] : map) bans.push_back(one);
    return bans;
}

// The bans as they are now.
struct OpenBans {
    BanMap bans;
    std::string unlisted;  // unlisted_text()
};

// Opens the rollout and reads them.
Result<OpenBans> open_bans(const Paths &paths, Rollout &rollout) {
    return rollout.open()
        .and_then([&] { return read_kept_bans(paths, rollout.control()); })
        .map([](const KeptBans &kept) {
            OpenBans open = {.bans = {}, .unlisted = unlisted_text(kept)};
            for (const Ban &one : kept.all()) open.bans[key_of(one)] = one;
            return open;
        });
}

// The bans of this prefix, and of those that it lies within.
std::vector<Ban> bans_around(const BanMap &bans, const Prefix &prefix) {
    std::vector<Ban> found;
    for (int length = 0; length <= prefix.length; ++length) {
        const Range range = Prefix{prefix.address, length}.range();
        for (auto at = bans.lower_bound({range, ""}); at != bans.end() && at->first.first == range;
             ++at)
            found.push_back(at->second);
    }
    return found;
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

// The policy in force, and the one that comes back unless it is confirmed; those that can be read.
Result<std::vector<Policy>> policies_about_bans(const Rollout &rollout) {
    std::vector<Policy> policies;
    if (!rollout.has_policy_in_force()) return policies;
    std::vector<Catalog> catalogs{rollout.in_force_before().catalog};
    const Switch::State &state = rollout.in_force_before().state;
    if (state.pending)
        if (auto other = read_catalog(rollout.control()->image(state.other.image)))
            catalogs.push_back(std::move(*other));
    for (const Catalog &one : catalogs) {
        auto policy = policy_about_bans(one);
        if (!policy) return tl::unexpected(policy.error());
        if (*policy) policies.push_back(std::move(**policy));
    }
    return policies;
}

// Refuses what must never be banned. A sentence for each prefix: whom it is about.
Result<std::vector<std::string>> ask_policies(const Rollout &rollout, const BanRequest &request) {
    std::vector<std::string> notes;
    auto policies = policies_about_bans(rollout);
    if (!policies && request.force_never_ban) return notes;
    if (!policies) return tl::unexpected(policies.error());
    for (const Policy &one : *policies)
        if (auto allowed = check_never_ban(one, request.prefixes);
            !allowed && !request.force_never_ban)
            return tl::unexpected(allowed.error());
    if (!policies->empty() && request.prefixes.size() <= prefixes_warned_of)
        for (const Prefix &prefix : request.prefixes)
            notes.push_back(ban_text(policies->front(), prefix));
    return notes;
}

std::vector<std::string> joined_notes(std::vector<std::string> notes,
                                      const std::vector<std::string> &more) {
    notes.insert(notes.end(), more.begin(), more.end());
    return notes;
}

enum class SshSessions { guarded, may_be_cut };

// Puts the bans `after` in force instead of `before`, on disk and in the kernel, or on neither. The
// steps are in the header.
Result<BanOutcome> put_in_force(const Paths &paths, Rollout &rollout, const BanMap &before,
                                const BanMap &after, SshSessions sessions,
                                const decltype(BanRequest::before_switch) &before_switch = {}) {
    const std::vector<Ban> bans = bans_in(after);
    const bool enforced = rollout.has_policy_in_force();
    std::vector<std::string> notes;
    if (enforced) {
        auto image = compiled_bans(bans);
        if (!image) return tl::unexpected(image.error());
        auto prepared = rollout.prepare_bans(*image).and_then([&]() -> Done {
            if (sessions == SshSessions::may_be_cut) return {};
            return rollout.guard_bans("a failsafe row keeps a session; cut it with --force")
                .map([&](const std::vector<std::string> &lines) { notes = lines; });
        });
        if (!prepared) return tl::unexpected(prepared.error());
        if (before_switch) before_switch(image_in_force(rollout), rollout.prepared_bans());
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
    return BanOutcome{.bans = bans.size(),
                      .enforced = enforced,
                      .changed = 0,
                      .owners = {},
                      .notes = joined_notes(rollout.notes(), notes)};
}

bool ends_later(const Ban &one, const Ban &other) {
    return other.expires && (!one.expires || *one.expires > *other.expires);
}

// "banned until 2026-01-01T00:00:00.000Z by admin"
std::string banned_text(const Ban &ban) {
    return fmt::format(
        "banned until {} by {}",
        ban.expires ? time_text(*ban.expires * 1'000'000'000) : std::string("it is lifted"),
        ban.owner);
}

std::string kept_text(const Ban &ban) {
    return fmt::format(
        "{} is {} already, and stays so; to shorten it, 'portmatrix unban {} --owner {}' first",
        to_string(ban.prefix), banned_text(ban), to_string(ban.prefix), ban.owner);
}

// A ban whose owner is unknown has lost the prefixes that it was made of: what is lifted is cut out
// of it. True if there was any such ban.
bool cut_from_unknown(BanMap &bans, const Prefix &prefix) {
    const Range range = prefix.range();
    std::vector<Ban> hit;
    for (const Ban &one : bans_around(bans, prefix))
        if (one.owner == unknown_owner) hit.push_back(one);
    for (auto at = bans.lower_bound({{range.first, {}}, ""});
         at != bans.end() && at->first.first.first <= range.last; ++at)
        if (at->second.owner == unknown_owner && at->first.first.last <= range.last)
            hit.push_back(at->second);
    for (const Ban &one : hit) {
        bans.erase(key_of(one));
        for (const Prefix &rest :
             (AddressSet({one.prefix.range()}) - AddressSet({range})).prefixes()) {
            Ban left = one;
            left.prefix = rest;
            bans[key_of(left)] = left;
        }
    }
    return !hit.empty();
}

// Takes the bans of this prefix away. Whose they were.
std::set<std::string> lift(BanMap &bans, const Prefix &prefix, const std::string &owner) {
    std::set<std::string> owners;
    const Range range = prefix.range();
    for (auto at = bans.lower_bound({range, owner}); at != bans.end() && at->first.first == range &&
                                                     (owner.empty() || at->first.second == owner);
         at = bans.erase(at))
        owners.insert(at->first.second);
    if ((owner.empty() || owner == unknown_owner) && cut_from_unknown(bans, prefix))
        owners.insert(unknown_owner);
    return owners;
}

// That a prefix was not banned, or stays banned; nothing: it was lifted.
std::vector<std::string> lift_notes(const BanMap &bans, const Prefix &prefix,
                                    const std::string &owner, bool was_banned) {
    std::vector<std::string> notes;
    if (!was_banned)
        notes.push_back(fmt::format("{} was not banned{}", to_string(prefix),
                                    owner.empty() ? "" : " by " + owner));
    std::vector<std::string> still;
    for (const Ban &one : bans_around(bans, prefix))
        still.push_back(one.prefix.length == prefix.length
                            ? banned_text(one)
                            : fmt::format("{} ({})", banned_text(one), to_string(one.prefix)));
    if (!still.empty())
        notes.push_back(fmt::format("warning: {} stays {}", to_string(prefix), joined(still)));
    return notes;
}

void add_note(std::vector<std::string> &notes, const std::string &note) {
    if (!note.empty()) notes.push_back(note);
}

}  // namespace

Result<BanOutcome> ban(const Paths &paths, const BanRequest &request) {
    Rollout rollout(paths);
    auto before = open_bans(paths, rollout);
    if (!before) return tl::unexpected(before.error());
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    auto told = ask_policies(rollout, request);
    if (!told) return tl::unexpected(told.error());
    BanMap after = before->bans;
    std::vector<std::string> notes = std::move(*told);
    std::size_t changed = 0;
    const bool is_told = request.prefixes.size() <= prefixes_warned_of;
    const std::uint64_t now = realtime_seconds();
    const std::uint64_t begun = now + 1;  // the ban lasts its time at least
    for (const Prefix &prefix : request.prefixes) {
        if (auto allowed = check_prefix(prefix, *own, rollout); !allowed)
            return tl::unexpected(allowed.error());
        if (auto warning = is_told ? failsafe_warning(prefix, rollout) : std::nullopt)
            notes.push_back(*warning);
        const Ban wanted = {
            .prefix = prefix,
            .created = now,
            .expires = request.seconds ? std::optional(begun + *request.seconds) : std::nullopt,
            .owner = request.owner};
        Ban &one = after.try_emplace(key_of(wanted), wanted).first->second;
        if (ends_later(one, wanted)) {
            if (is_told) notes.push_back(kept_text(one));
            continue;
        }
        one = wanted;
        ++changed;
    }
    if (!is_told && changed < request.prefixes.size())
        notes.push_back(fmt::format(
            "{} of the prefixes are banned for longer already, and stay so; to shorten a ban, "
            "'portmatrix unban' first",
            request.prefixes.size() - changed));
    auto outcome = put_in_force(paths, rollout, before->bans, after,
                                request.force ? SshSessions::may_be_cut : SshSessions::guarded,
                                request.before_switch);
    if (!outcome) return outcome;
    outcome->changed = changed;
    add_note(outcome->notes, before->unlisted);
    outcome->notes.insert(outcome->notes.end(), notes.begin(), notes.end());
    return outcome;
}

Result<BanOutcome> unban_all(const Paths &paths, const std::string &owner) {
    Rollout rollout(paths);
    auto before = open_bans(paths, rollout);
    if (!before) return tl::unexpected(before.error());
    BanMap after = before->bans;
    std::set<std::string> owners;
    const std::size_t changed = std::erase_if(after, [&](const auto &entry) {
        const std::string &its = entry.first.second;
        if (!owner.empty() && its != owner) return false;
        owners.insert(its);
        return true;
    });
    auto outcome = put_in_force(paths, rollout, before->bans, after, SshSessions::may_be_cut);
    if (!outcome) return outcome;
    outcome->changed = changed;
    outcome->owners = std::move(owners);
    if (!owner.empty()) add_note(outcome->notes, before->unlisted);
    return outcome;
}

Result<BanOutcome> unban(const Paths &paths, const std::vector<Prefix> &prefixes,
                         const std::string &owner) {
    Rollout rollout(paths);
    auto before = open_bans(paths, rollout);
    if (!before) return tl::unexpected(before.error());
    BanMap after = before->bans;
    std::set<std::string> owners;
    std::vector<std::string> notes;
    std::size_t changed = 0;
    std::vector<bool> was_banned;
    for (const Prefix &prefix : prefixes) {
        const std::set<std::string> its = lift(after, prefix, owner);
        owners.insert(its.begin(), its.end());
        was_banned.push_back(!its.empty());
        changed += !its.empty();
    }
    for (std::size_t i = 0; i < prefixes.size() && prefixes.size() <= prefixes_warned_of; ++i)
        for (std::string &note : lift_notes(after, prefixes[i], owner, was_banned[i]))
            notes.push_back(std::move(note));
    auto outcome = put_in_force(paths, rollout, before->bans, after, SshSessions::may_be_cut);
    if (!outcome) return outcome;
    outcome->changed = changed;
    outcome->owners = std::move(owners);
    add_note(outcome->notes, before->unlisted);
    outcome->notes.insert(outcome->notes.end(), notes.begin(), notes.end());
    return outcome;
}

Result<std::vector<std::string>> place_bans_anew(const Paths &paths) {
    Rollout rollout(paths);
    auto list = open_bans(paths, rollout);
    if (!list) return tl::unexpected(list.error());
    const std::vector<Ban> bans = bans_in(list->bans);
    std::vector<std::string> notes;
    if (!bans.empty()) {
        auto done =
            make_private_folder(paths.state).and_then([&] { return write_bans(paths, bans); });
        if (!done) return tl::unexpected(done.error());
        add_note(notes, list->unlisted);
    }
    if (!rollout.has_policy_in_force()) return notes;
    auto image = compiled_bans(bans);
    if (!image) return tl::unexpected(image.error());
    const std::vector<BannedRange> before = banned_now(*rollout.control());
    const std::vector<BannedRange> after =
        image->empty() ? std::vector<BannedRange>() : banned_ranges(ImageView(*image).view());
    const std::size_t longer = banned_longer(after, before, rounding_ns).size();
    const std::size_t shorter = banned_longer(before, after, rounding_ns).size();
    if (longer + shorter == 0) return notes;
    auto done = rollout.prepare_bans(*image).and_then([&] { return rollout.commit_bans(); });
    if (!done) return tl::unexpected(done.error());
    notes.push_back(fmt::format(
        "the clock was set, and the bans end by it now: {} ranges of addresses earlier, {} later",
        shorter, longer));
    return notes;
}

}  // namespace pm
