// SPDX-License-Identifier: Apache-2.0
#include "loader/update/ban_policy.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/core.h>

#include "loader/state/drift.h"
#include "policy/base/text.h"

namespace pm {
namespace {

constexpr std::size_t rows_named = 3, sets_named = 5;
constexpr const char *never_ban_remedy =
    "take it out of the set or of never-ban, or ban it all the same with --force --force";

AddressSet addresses_of(const Prefix &prefix) {
    return AddressSet({prefix.range()});
}

// "a, b and 2 more"
std::string some_of(std::vector<std::string> names, std::size_t most) {
    const std::size_t count = names.size();
    if (count > most) names.resize(most);
    std::string text = joined(names);
    if (count > most) text += fmt::format(" and {} more", count - most);
    return text;
}

// "row a", "rows a, b"; empty: no row has this peer.
std::string rows_with(const Policy &policy, const std::string &peer) {
    std::vector<std::string> ids;
    for (const Row &row : policy.rows)
        if (peer_name(row) == peer) ids.push_back(row.id);
    if (ids.empty()) return {};
    return fmt::format("row{} {}", ids.size() == 1 ? "" : "s", some_of(ids, rows_named));
}

bool is_any(const AddressSetDef &set) {
    return set.form == AddressSetDef::Form::any;
}

// "rows a, b" of every name that stands for any peer.
std::string rows_for_any(const Policy &policy) {
    std::vector<std::string> ids;
    for (const Row &row : policy.rows) {
        const auto set = policy.peers.find(peer_name(row));
        if (set == policy.peers.end() || is_any(set->second)) ids.push_back(row.id);
    }
    if (ids.empty()) return {};
    return fmt::format("row{} {}", ids.size() == 1 ? "" : "s", some_of(ids, rows_named));
}

}  // namespace

Result<std::optional<Policy>> policy_about_bans(const Catalog &catalog) {
    auto policy = read_policy_in_force(catalog);
    if (policy) return std::optional(std::move(*policy));
    if (catalog.document.find("\nnever-ban:") == std::string::npos) return std::nullopt;
    return fault(fmt::format("whether it is in a set of never-ban cannot be told: {}",
                             policy.error().message),
                 "ban it all the same with --force --force", Exit::refused);
}

Done check_never_ban(const Policy &policy, const std::vector<Prefix> &prefixes) {
    if (policy.never_ban.empty()) return {};
    std::vector<Range> ranges;
    for (const Prefix &one : prefixes) ranges.push_back(one.range());
    const AddressSet all(std::move(ranges));
    for (const std::string &name : policy.never_ban) {
        const AddressSet &set = peer_addresses(policy, name);
        const AddressSet common = set & all;
        if (common.empty()) continue;
        const auto found = std::ranges::find_if(
            prefixes, [&](const Prefix &one) { return !(common & addresses_of(one)).empty(); });
        if (found == prefixes.end()) continue;
        const AddressSet part = common & addresses_of(*found);
        const std::string what = part.contains(addresses_of(*found))
                                     ? fmt::format("{} is", to_string(*found))
                                     : fmt::format("{} holds {}, which is", to_string(*found),
                                                   to_string(part.prefixes().front()));
        return fault(fmt::format("{} in the set {} of never-ban", what, quote(name)),
                     never_ban_remedy, Exit::refused);
    }
    return {};
}

std::optional<std::string> never_ban_warning(const Policy &policy, const std::vector<Ban> &bans) {
    std::vector<Prefix> prefixes;
    for (const Ban &one : bans) prefixes.push_back(one.prefix);
    const auto allowed = check_never_ban(policy, prefixes);
    if (allowed) return std::nullopt;
    return fmt::format("warning: {}, and it is banned: 'portmatrix bans' lists all bans",
                       allowed.error().message);
}

std::string ban_text(const Policy &policy, const Prefix &prefix) {
    const AddressSet addresses = addresses_of(prefix);
    std::vector<std::string> sets;
    bool is_whole = true;
    for (const auto &[name, set] : policy.peers) {
        if (is_any(set) || (set.addresses & addresses).empty()) continue;
        is_whole = is_whole && set.addresses.contains(addresses);
        const std::string rows = rows_with(policy, name);
        sets.push_back(quote(name) + (rows.empty() ? "" : fmt::format(" ({})", rows)));
    }
    const std::string who = to_string(prefix);
    if (!sets.empty())
        return fmt::format("{} {} the set{} {}", who, is_whole ? "is in" : "overlaps",
                           sets.size() == 1 ? "" : "s", some_of(sets, sets_named));
    const std::string rows = rows_for_any(policy);
    return fmt::format("{} is in no set of the policy{}", who,
                       rows.empty() ? "" : fmt::format("; open to any peer: {}", rows));
}

}  // namespace pm
