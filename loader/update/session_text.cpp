// SPDX-License-Identifier: Apache-2.0
#include "loader/update/session_text.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "policy/base/text.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr std::size_t peers_named = 3, lines_shown = 8;

std::string sessions_text(std::size_t count) {
    return fmt::format("{} session{}", count, count == 1 ? "" : "s");
}

Address local_of(const Question &first) {
    return first.direction == Direction::in ? first.to : first.from;
}
Address peer_of(const Question &first) {
    return first.direction == Direction::in ? first.from : first.to;
}

// Bans and `block` come before the matrix.
bool needs_failsafe(const DroppedFlow &flow) {
    return flow.reason == PM_DROP_BANNED || flow.reason == PM_DROP_BLOCKED;
}

bool has_ports_of(const Row &row, const Question &first) {
    return !has_ports(first.transport) ||
           (contains(row.port, first.to_port) && contains(row.source_port, first.from_port));
}

bool is_local_to(const Policy &policy, const std::string &role, const DroppedFlow &flow) {
    const auto found = policy.roles.find(role);
    return found != policy.roles.end() && !found->second.is_none &&
           local_addresses(policy, role, flow.interface, flow.first.direction)
               .contains(local_of(flow.first));
}

// The first row that would let the flow pass if the peer were in its set; null: there is none.
const Row *row_lacking_peer(const Policy &policy, const DroppedFlow &flow) {
    const auto found = std::ranges::find_if(policy.rows, [&](const Row &row) {
        const auto set = policy.peers.find(peer_name(row));
        return row.direction == flow.first.direction &&
               (row.section == Section::failsafe || !needs_failsafe(flow)) &&
               has_transport(row, flow.first.transport) && has_ports_of(row, flow.first) &&
               set != policy.peers.end() && set->second.form != AddressSetDef::Form::any &&
               is_local_to(policy, local_name(row), flow);
    });
    return found == policy.rows.end() ? nullptr : &*found;
}

// The role that a new row is to name; a listed one rather than that of a whole interface.
std::string role_for(const Policy *policy, const DroppedFlow &flow) {
    std::string found;
    if (!policy) return found;
    for (const auto &[name, role] : policy->roles) {
        if (!is_local_to(*policy, name, flow)) continue;
        if (!role.is_interface) return name;
        found = name;
    }
    return found;
}

// A row that the policy has not, and who is to be in its set.
struct NewRow {
    bool is_tunnel;
    Direction direction;
    std::uint8_t transport;
    std::uint16_t port;
    std::string role;  // empty: no role has the address
    Address local;

    auto operator<=>(const NewRow &) const = default;
};
using NewRows = std::map<NewRow, std::set<Address>>;

NewRow row_to_write(const Policy *policy, const DroppedFlow &flow) {
    return {.is_tunnel = !flow.tunnel.empty(),
            .direction = flow.first.direction,
            .transport = flow.first.transport,
            .port = has_ports(flow.first.transport) ? flow.first.to_port : std::uint16_t{0},
            .role = role_for(policy, flow),
            .local = local_of(flow.first)};
}

std::string yaml_address(const Address &address) {
    return address.is_v4() ? to_string(address) : fmt::format("\"{}\"", to_string(address));
}

// A name that begins so and that neither a row nor a set has.
std::string free_name(const Policy *policy, const std::string &wanted,
                      std::set<std::string> &used) {
    const auto is_used = [&](const std::string &name) {
        if (used.contains(name)) return true;
        if (!policy) return false;
        return policy->roles.contains(name) || policy->peers.contains(name) ||
               policy->ports.contains(name) ||
               std::ranges::find(policy->rows, name, &Row::id) != policy->rows.end();
    };
    std::string name = wanted;
    for (int number = 2; is_used(name); ++number) name = fmt::format("{}-{}", wanted, number);
    used.insert(name);
    return name;
}

void add_row_lines(const Policy *policy, const NewRow &row, const std::set<Address> &peers,
                   std::set<std::string> &used, std::vector<std::string> &lines) {
    const std::string what = row.is_tunnel ? "tunnel" : "ssh";
    const std::string set = free_name(policy, what + "-peers", used);
    const std::string id =
        free_name(policy, what + (row.direction == Direction::in ? "-in" : "-out"), used);
    const std::string role = row.role.empty() ? "ROLE" : row.role;
    std::vector<std::string> addresses;
    for (const Address &one : peers) addresses.push_back(yaml_address(one));
    const bool in = row.direction == Direction::in;
    if (row.role.empty())
        lines.push_back(fmt::format("no role has {}: list it under edge, in place of ROLE",
                                    to_string(row.local)));
    lines.push_back(fmt::format("under peers:    {}: [{}]", set, joined(addresses)));
    lines.push_back(
        fmt::format("under failsafe: - {{ id: {}, transport: {}, source: {}, destination: {}{} }}",
                    id, transport_name(row.transport), in ? set : role, in ? role : set,
                    row.port ? fmt::format(", port: {}", row.port) : ""));
}

// What is to be written so that the flow passes.
std::string flow_remedy(const Policy *policy, const DroppedFlow &flow, NewRows &rows) {
    const std::string peer = to_string(peer_of(flow.first));
    if (const Row *row = policy ? row_lacking_peer(*policy, flow) : nullptr)
        return fmt::format("add {} to the set '{}' of row '{}'", peer, peer_name(*row), row->id);
    rows[row_to_write(policy, flow)].insert(peer_of(flow.first));
    return fmt::format("write the row below for {}", peer);
}

// "by vxlan0: add 192.0.2.7 to the set 'a' of row 'b', and write the row below for 192.0.2.7"
std::string session_remedies(const Policy *policy, const CutSession &session, NewRows &rows) {
    std::vector<std::string> all;
    std::string text;
    for (const DroppedFlow &one : session.dropped) {
        if (!one.tunnel.empty() && text.empty())
            text = fmt::format(" inside the tunnel {}", one.tunnel);
        std::string sentence = flow_remedy(policy, one, rows);
        if (!contains(all, sentence)) all.push_back(std::move(sentence));
    }
    return fmt::format("{}: {}", text, joined(all, ", and "));
}

// Sessions of which the same is said.
struct Group {
    std::size_t count = 0;
    std::set<std::string> users;
};

std::string group_text(const std::string &peer, bool is_told, const Group &group) {
    std::string text = fmt::format("{} from {}", sessions_text(group.count), peer);
    if (!group.users.empty()) text += fmt::format(" ({})", joined(group.users));
    if (!is_told) text += " (whether anybody has logged in cannot be told)";
    return text;
}

}  // namespace

std::string cuts_text(const std::vector<CutSession> &cut) {
    std::vector<std::string> peers;
    for (const CutSession &one : cut) {
        std::string peer =
            fmt::format("{} ({})", to_string(one.peer), reason_label(one.dropped.front().reason));
        if (!contains(peers, peer)) peers.push_back(std::move(peer));
    }
    const bool are_all = peers.size() <= peers_named;
    if (!are_all) peers.resize(peers_named);
    return fmt::format("cut {} SSH session{} of this host, from {}{}", cut.size(),
                       cut.size() == 1 ? "" : "s", joined(peers), are_all ? "" : ", ...");
}

std::vector<std::string> cut_lines(const std::vector<CutSession> &cut, const Policy *policy) {
    NewRows rows;
    std::map<std::tuple<Address, bool, std::string>, Group> groups;
    for (const CutSession &one : cut) {
        Group &group = groups[{one.peer, one.is_told, session_remedies(policy, one, rows)}];
        ++group.count;
        group.users.insert(one.users.begin(), one.users.end());
    }
    std::vector<std::string> lines;
    for (const auto &[key, group] : groups) {
        const auto &[peer, is_told, text] = key;
        if (lines.size() < lines_shown)
            lines.push_back(group_text(to_string(peer), is_told, group) + text);
    }
    if (groups.size() > lines_shown)
        lines.push_back(fmt::format("and {} more", groups.size() - lines_shown));
    std::set<std::string> used;
    for (const auto &[row, peers] : rows) add_row_lines(policy, row, peers, used, lines);
    return lines;
}

Fault cuts_refused(const SessionCuts &cuts, const Policy *policy, const std::string &hint) {
    return {.message = "it would " + cuts_text(cuts.cut),
            .hint = hint,
            .exit = Exit::refused,
            .lines = cut_lines(cuts.cut, policy)};
}

std::vector<std::string> cuts_told(const SessionCuts &cuts, const Policy *policy) {
    std::vector<std::string> lines;
    if (!cuts.cut.empty()) {
        lines.push_back("warning: it is going to " + cuts_text(cuts.cut));
        for (std::string &line : cut_lines(cuts.cut, policy)) lines.push_back(std::move(line));
    }
    for (std::string &line : unknown_tunnel_lines(cuts.unknown)) lines.push_back(std::move(line));
    return lines;
}

std::vector<std::string> unknown_tunnel_lines(const std::vector<UnknownTunnel> &unknown) {
    std::vector<std::string> lines;
    for (const UnknownTunnel &one : unknown)
        lines.push_back(fmt::format(
            "warning: an SSH session from {} runs inside {} ({}); whether the policy passes the "
            "tunnel's own packets cannot be told: ask 'portmatrix explain' for them",
            to_string(one.peer), one.device, one.kind));
    return lines;
}

}  // namespace pm
