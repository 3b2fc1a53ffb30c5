// SPDX-License-Identifier: Apache-2.0
// To explain a drop, looks for the rows that nearly permit the packet: those that have its ports,
// then those that have its local address too.
#include "policy/judge/why.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr std::size_t names_shown = 5;

// "'a', 'b' and 3 more"
std::string quoted(const std::vector<std::string> &names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), names_shown); ++i)
        text += fmt::format("{}'{}'", i ? ", " : "", names[i]);
    if (names.size() > names_shown) text += fmt::format(" and {} more", names.size() - names_shown);
    return text;
}

// "row 'a' has", "rows 'a', 'b' have"
std::string rows_have(const std::vector<std::string> &ids) {
    return fmt::format("{} {} {}", ids.size() == 1 ? "row" : "rows", quoted(ids),
                       ids.size() == 1 ? "has" : "have");
}

// The entry of a set that holds the address: a prefix as it is written, or, of a file, the
// addresses beside it. Empty: the set has no entries, as `any` has none.
std::string entry_of(const Policy &policy, const std::string &set, const Address &address) {
    const auto role = policy.roles.find(set), peers = policy.peers.find(set);
    const AddressSetDef *def = role != policy.roles.end()    ? &role->second
                               : peers != policy.peers.end() ? &peers->second
                                                             : nullptr;
    if (!def || def->of_any || !def->addresses.contains(address)) return "";
    for (const SetItem &item : def->items) {
        if (item.kind == SetItem::Kind::name)
            if (std::string inner = entry_of(policy, item.text, address); !inner.empty())
                return inner;
        if (item.kind != SetItem::Kind::prefix) continue;
        const Range range = item.prefix.range();
        if (range.first <= address && address <= range.last) return to_string(item.prefix);
    }
    if (def->items.empty()) return "";
    for (const Range &range : def->addresses.ranges())
        if (range.first <= address && address <= range.last) return to_string(range);
    return "";
}

// "198.51.100.7 is in 'partners' (198.51.100.0/24)"
std::string membership(const Policy &policy, const std::string &set, const Address &address) {
    const std::string entry = entry_of(policy, set, address), text = to_string(address);
    return fmt::format("{} is in {}'{}'{}", text, is_role(policy, set) ? "role " : "", set,
                       entry.empty() || entry == text ? "" : " (" + entry + ")");
}

class Explainer {
public:
    Explainer(const Policy &policy, const Question &question, const std::string &interface)
        : policy_(policy), question_(question), interface_(interface) {}
    Why drop(pm_reason reason) const;

private:
    bool comes_in() const { return question_.direction == Direction::in; }
    const Address &local() const { return comes_in() ? question_.to : question_.from; }
    const Address &peer() const { return comes_in() ? question_.from : question_.to; }
    std::string service() const;     // "tcp port 443", "icmp"
    std::string no_row_has() const;  // "no row has tcp port 443 for flows that come in"
    std::string add_a_row() const;   // the remedy
    std::string role_of_local() const;
    // The live rows of the direction for which `holds` is true.
    template <typename Holds>
    std::vector<const Row *> rows(Holds holds) const;
    Why no_service() const;
    Why no_role() const;
    Why no_row() const;
    Why not_first() const;
    Why blocked() const;
    Why spoofed() const;

    const Policy &policy_;
    const Question &question_;
    const std::string &interface_;
};

std::vector<std::string> ids_of(const std::vector<const Row *> &rows) {
    std::vector<std::string> ids;
    for (const Row *row : rows) ids.push_back(row->id);
    return ids;
}

std::string Explainer::service() const {
    const std::string name = transport_name(question_.transport);
    if (has_ports(question_.transport)) return fmt::format("{} port {}", name, question_.to_port);
    return name[0] >= '0' && name[0] <= '9' ? "protocol " + name : name;
}

std::string Explainer::no_row_has() const {
    return fmt::format("no row has {} for flows that {}", service(),
                       comes_in() ? "come in" : "go out");
}

std::string Explainer::role_of_local() const {
    for (const auto &[name, role] : policy_.roles)
        if (role.addresses.contains(local())) return name;
    for (const auto &[name, role] : policy_.roles)
        if (role.is_interface) return name;
    return "ROLE";
}

std::string Explainer::add_a_row() const {
    const std::string role = role_of_local();
    return fmt::format(
        "to permit it, add a row: {{ id: NAME, transport: {}, source: {}, "
        "destination: {}{} }}, with {} in SET",
        transport_name(question_.transport), comes_in() ? "SET" : role, comes_in() ? role : "SET",
        has_ports(question_.transport) ? fmt::format(", port: {}", question_.to_port) : "",
        to_string(peer()));
}

template <typename Holds>
std::vector<const Row *> Explainer::rows(Holds holds) const {
    std::vector<const Row *> found;
    for (const Row &row : policy_.rows)
        if (has_transport(row, question_.transport) && row.direction == question_.direction &&
            !is_switched_off(policy_, row) && holds(row))
            found.push_back(&row);
    return found;
}

Why Explainer::no_service() const {
    const auto other_sources =
        rows([this](const Row &row) { return contains(row.port, question_.to_port); });
    if (!other_sources.empty()) {
        const Row &nearest = *other_sources.front();
        return {.text = fmt::format("{} it, but not from source port {}",
                                    rows_have(ids_of(other_sources)), question_.from_port),
                .set = {},
                .entry = {},
                .row = nearest.id,
                .remedy = fmt::format("send from source port {}, or change source-port of row '{}'",
                                      to_string(nearest.source_port), nearest.id)};
    }
    for (const Row &row : policy_.rows)
        if (has_transport(row, question_.transport) && row.direction == question_.direction &&
            contains(row.port, question_.to_port))
            return {.text = fmt::format("{}; row '{}' is switched off, since '{}' is none",
                                        no_row_has(), row.id, none_side(policy_, row)),
                    .set = none_side(policy_, row),
                    .entry = {},
                    .row = row.id,
                    .remedy = fmt::format("give '{}' addresses instead of none",
                                          none_side(policy_, row))};
    return {.text = no_row_has(), .set = {}, .entry = {}, .row = {}, .remedy = add_a_row()};
}

Why Explainer::no_role() const {
    const std::string on = interface_.empty() ? "" : " of " + interface_;
    Why why = {.text = fmt::format("{} is in no role{}", to_string(local()), on),
               .set = {},
               .entry = {},
               .row = {},
               .remedy = fmt::format("if it is this host's, add {} to a role under edge",
                                     to_string(local()))};
    for (const auto &[name, role] : policy_.roles)
        if (role.addresses.contains(local()) && !is_placed(policy_, name, interface_)) {
            why.text += fmt::format("; role '{}' is placed elsewhere", name);
            why.remedy = fmt::format("add role '{}' to {} under interfaces, if it has the address",
                                     name, interface_);
            break;
        }
    return why;
}

Why Explainer::no_row() const {
    auto with_ports = [this](const Row &row) {
        return row.port.empty() || (contains(row.port, question_.to_port) &&
                                    contains(row.source_port, question_.from_port));
    };
    auto with_role = [&](const Row &row) {
        return with_ports(row) && row_local_addresses(policy_, row, interface_).contains(local());
    };
    if (const auto near = rows(with_role); !near.empty()) {
        const std::string &set = peer_name(*near.front());
        return {.text = fmt::format("{} {} with {}; none permits {} as {}", rows_have(ids_of(near)),
                                    service(), to_string(local()), to_string(peer()),
                                    comes_in() ? "source" : "destination"),
                .set = {},
                .entry = {},
                .row = near.front()->id,
                .remedy = fmt::format("to permit it, add {} to '{}', the {} of row '{}'",
                                      to_string(peer()), set, comes_in() ? "source" : "destination",
                                      near.front()->id)};
    }
    if (const auto near = rows(with_ports); !near.empty())
        return {.text = fmt::format("{} {}; none permits {} as {}{}", rows_have(ids_of(near)),
                                    service(), to_string(local()),
                                    comes_in() ? "destination" : "source",
                                    interface_.empty() ? "" : " on " + interface_),
                .set = {},
                .entry = {},
                .row = near.front()->id,
                .remedy = fmt::format("row '{}' is for '{}': {}", near.front()->id,
                                      local_name(*near.front()), add_a_row())};
    return {.text = no_row_has(), .set = {}, .entry = {}, .row = {}, .remedy = add_a_row()};
}

Why Explainer::not_first() const {
    std::vector<std::string> ids;
    for (const Row &row : policy_.rows)
        if (has_transport(row, question_.transport) && row.direction != question_.direction &&
            !is_switched_off(policy_, row) && contains(row.port, question_.from_port) &&
            contains(row.source_port, question_.to_port))
            ids.push_back(row.id);
    const std::string nearest = ids.empty() ? "" : ids.front();
    return {
        .text = fmt::format(
            "no row lets it open a flow; it could answer one of {}, but none is live", quoted(ids)),
        .set = {},
        .entry = {},
        .row = nearest,
        .remedy = fmt::format("none is needed for answers: they pass while the flow is live; {}",
                              add_a_row())};
}

Why Explainer::blocked() const {
    std::vector<std::string> names;
    for (const std::string &name : policy_.block)
        if (peer_addresses(policy_, name).contains(peer())) names.push_back(name);
    const std::string set = names.empty() ? "" : names.front();
    const std::string entry = entry_of(policy_, set, peer());
    const std::string shown = entry == to_string(peer()) ? "" : entry;
    return {.text = fmt::format("{} is in {}{}, listed under block", to_string(peer()),
                                quoted(names), shown.empty() ? "" : " (" + shown + ")"),
            .set = set,
            .entry = entry,
            .row = {},
            .remedy = fmt::format("to permit it, take {} out of '{}'",
                                  entry.empty() ? to_string(peer()) : entry, set)};
}

Why Explainer::spoofed() const {
    for (const auto &[name, role] : policy_.roles)
        if (!role.is_interface && role.addresses.contains(question_.from))
            return {
                .text =
                    fmt::format("{} is this host's own, in role '{}': nobody else may send from it",
                                to_string(question_.from), name),
                .set = name,
                .entry = entry_of(policy_, name, question_.from),
                .row = {},
                .remedy = fmt::format("if it is not this host's, take it out of role '{}'", name)};
    return {.text = fmt::format("source and destination are both {}", to_string(question_.from)),
            .set = {},
            .entry = {},
            .row = {},
            .remedy = {}};
}

// A reason that needs no look at the policy.
Why sentence(std::string text, std::string remedy = {}) {
    return {
        .text = std::move(text), .set = {}, .entry = {}, .row = {}, .remedy = std::move(remedy)};
}

Why Explainer::drop(pm_reason reason) const {
    switch (reason) {
        case PM_DROP_NO_SERVICE:
            return no_service();
        case PM_DROP_NO_ROLE:
            return no_role();
        case PM_DROP_NO_ROW:
            return no_row();
        case PM_DROP_NOT_FIRST_PACKET:
            return not_first();
        case PM_DROP_BLOCKED:
            return blocked();
        case PM_DROP_OWN_ADDRESS_SPOOFED:
            return spoofed();
        case PM_DROP_BAD_SOURCE_ADDRESS:
            return sentence(fmt::format(
                "{} is unspecified, loopback, multicast, broadcast or reserved: no source",
                to_string(question_.from)));
        case PM_DROP_BAD_DESTINATION_ADDRESS:
            return sentence(fmt::format("{} is unspecified, loopback or reserved: no destination",
                                        to_string(question_.to)));
        case PM_DROP_UNSUPPORTED_PROTOCOL:
            return sentence(fmt::format("no row names {}{}", service(),
                                        question_.to.is_v4() ? " in IPv4" : " in IPv6"),
                            add_a_row());
        case PM_DROP_MALFORMED_ESSENTIAL:
            return sentence(fmt::format("IGMP is sent to groups alone, and {} is none",
                                        to_string(question_.to)));
        case PM_DROP_NO_POLICY:
            return sentence("the compiled policy could not be read");
        default:  // what only the programs in the kernel know
            return sentence(reason_meaning(reason));
    }
}

}  // namespace

Why why_passed(const Policy &policy, const Row &row, const Question &question) {
    const Address &peer = row.direction == Direction::in ? question.from : question.to;
    return {.text = fmt::format("{}row '{}' permits it: {}, {}",
                                row.section == Section::failsafe ? "failsafe " : "", row.id,
                                membership(policy, row.source, question.from),
                                membership(policy, row.destination, question.to)),
            .set = peer_name(row),
            .entry = entry_of(policy, peer_name(row), peer),
            .row = {},
            .remedy = {}};
}

Why why_dropped(const Policy &policy, const Question &question, const std::string &interface,
                pm_reason reason) {
    return Explainer(policy, question, interface).drop(reason);
}

}  // namespace pm
