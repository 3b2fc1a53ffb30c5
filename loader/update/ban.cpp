// SPDX-License-Identifier: Apache-2.0
#include "loader/update/ban.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/clock.h"
#include "loader/host/own_addresses.h"
#include "loader/state/ban_list.h"
#include "loader/update/rollout.h"
#include "policy/image/image_ranges.h"

namespace pm {
namespace {

constexpr int widest_v4 = 8, widest_v6 = 32;

// By prefix, so that one that is banned again is found.
using List = std::map<Range, Ban>;

List listed(const std::vector<Ban> &bans) {
    List list;
    for (const Ban &one : bans) list[one.prefix.range()] = one;
    return list;
}

std::vector<Ban> unlisted(const List &list) {
    std::vector<Ban> bans;
    for (const auto &[range, one] : list) bans.push_back(one);
    return bans;
}

// An address of this host in the range, if there is one.
std::optional<Address> host_address_in(const Range &range) {
    for (const OwnAddress &one : own_addresses())
        if (!(one.address < range.first) && !(range.last < one.address)) return one.address;
    return std::nullopt;
}

Done check_prefix(const Prefix &prefix, const Rollout &rollout) {
    const bool v4 = prefix.address.is_v4();
    if (prefix.length < (v4 ? widest_v4 : widest_v6))
        return fault(fmt::format("{} is too wide to ban: at most /{}", to_string(prefix),
                                 v4 ? widest_v4 : widest_v6),
                     "block a set of this size in the policy", Exit::refused);
    if (const auto own = host_address_in(prefix.range()))
        return fault(
            fmt::format("{} holds {}, an address of this host", to_string(prefix), to_string(*own)),
            "ban a narrower prefix", Exit::refused);
    if (rollout.control() && rollout.before().mode != PM_MODE_OFF &&
        holds_own_address(rollout.control()->image(rollout.before().state.record.image),
                          prefix.range()))
        return fault(fmt::format("{} holds an own address of the policy", to_string(prefix)),
                     "ban a narrower prefix", Exit::refused);
    return {};
}

void warn_of_failsafe(const Prefix &prefix, const Rollout &rollout,
                      std::vector<std::string> &notes) {
    if (!rollout.control() || rollout.before().mode == PM_MODE_OFF) return;
    std::vector<std::string> rows;
    const auto &all = rollout.before().catalog.rows;
    for (const std::uint32_t row : failsafe_rows_for(
             rollout.control()->image(rollout.before().state.record.image), prefix.range()))
        if (row < all.size()) rows.push_back(all[row].id);
    if (!rows.empty())
        notes.push_back(fmt::format("warning: failsafe row {} still passes for {}",
                                    fmt::join(rows, ", "), to_string(prefix)));
}

// The list on disk and in the kernel, or neither.
Result<BanOutcome> put_in_force(const Paths &paths, Rollout &rollout, const List &before,
                                const List &list, bool force) {
    const std::vector<Ban> bans = unlisted(list);
    BanOutcome outcome;
    outcome.bans = bans.size();
    outcome.enforced = rollout.pins() && rollout.before().mode != PM_MODE_OFF;
    if (outcome.enforced) {
        auto image = ban_image(bans);
        if (!image) return tl::unexpected(image.error());
        auto placed = rollout.place_bans(*image).and_then([&]() -> Done {
            if (force) return {};
            return rollout.guard_bans("keep it with a failsafe row, or cut it with --force");
        });
        if (!placed) return tl::unexpected(placed.error());
    }
    auto made = check_private_folder(paths.state, true);
    if (!made) return tl::unexpected(made.error());
    if (auto kept = write_bans(paths, bans); !kept) {
        (void)write_bans(paths, unlisted(before));
        return tl::unexpected(kept.error());
    }
    if (!outcome.enforced) return outcome;
    if (auto done = rollout.commit_bans(); !done) {
        (void)write_bans(paths, unlisted(before));
        return tl::unexpected(done.error());
    }
    return outcome;
}

// edit(rollout, list, warnings) changes the list of the bans, which is then put in force.
template <class Edit>
Result<BanOutcome> change(const Paths &paths, bool force, Edit edit) {
    Rollout rollout(paths);
    if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
    auto bans = read_bans(paths);
    if (!bans) return tl::unexpected(bans.error());
    const List before = listed(*bans);
    List list = before;
    std::vector<std::string> warnings;
    if (auto edited = edit(rollout, list, warnings); !edited) return tl::unexpected(edited.error());
    return put_in_force(paths, rollout, before, list, force).map([&](BanOutcome outcome) {
        outcome.notes = rollout.notes();
        outcome.notes.insert(outcome.notes.end(), warnings.begin(), warnings.end());
        return outcome;
    });
}

}  // namespace

Result<BanOutcome> ban(const Paths &paths, const BanRequest &request) {
    return change(paths, request.force, [&](Rollout &rollout, List &list, auto &warnings) -> Done {
        const std::uint64_t now = realtime_seconds();
        for (const Prefix &prefix : request.prefixes) {
            if (auto fine = check_prefix(prefix, rollout); !fine) return fine;
            if (request.prefixes.size() <= 100) warn_of_failsafe(prefix, rollout, warnings);
            list[prefix.range()] = {
                prefix, now,
                request.seconds ? std::optional(now + *request.seconds) : std::nullopt};
        }
        return {};
    });
}

Result<BanOutcome> unban(const Paths &paths, const std::vector<Prefix> &prefixes) {
    return change(paths, true, [&](Rollout &, List &list, auto &) -> Done {
        for (const Prefix &prefix : prefixes)
            if (list.erase(prefix.range()) == 0)
                return fault(fmt::format("{} is not banned", to_string(prefix)),
                             "see 'portmatrix bans' for what is");
        return {};
    });
}

}  // namespace pm
