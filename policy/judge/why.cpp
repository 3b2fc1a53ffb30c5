// SPDX-License-Identifier: Apache-2.0
// To explain a drop, looks for the rows that nearly permit the packet: those that have its ports,
// then those that have its local address too.
#include "policy/judge/why.h"

#include <algorithm>

#include <fmt/format.h>

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

class Explainer {
public:
    Explainer(const Policy &policy, const Question &question, const std::string &interface)
        : policy_(policy), question_(question), interface_(interface) {}
    std::string drop(pm_reason reason) const;

private:
    const Address &local() const {
        return question_.direction == Direction::in ? question_.to : question_.from;
    }
    const Address &peer() const {
        return question_.direction == Direction::in ? question_.from : question_.to;
    }
    std::string service() const;     // "tcp port 443", "icmp"
    std::string no_row_has() const;  // "no row has tcp port 443 for flows that come in"
    // Ids of the live rows of the direction for which `holds` is true.
    template <typename Holds>
    std::vector<std::string> rows(Holds holds) const;
    std::string no_service() const;
    std::string no_role() const;
    std::string no_row() const;
    std::string not_first() const;
    std::string blocked() const;
    std::string spoofed() const;

    const Policy &policy_;
    const Question &question_;
    const std::string &interface_;
};

std::string Explainer::service() const {
    const std::string name = transport_name(question_.transport);
    if (has_ports(question_.transport)) return fmt::format("{} port {}", name, question_.to_port);
    return name[0] >= '0' && name[0] <= '9' ? "protocol " + name : name;
}

std::string Explainer::no_row_has() const {
    return fmt::format("no row has {} for flows that {}", service(),
                       question_.direction == Direction::in ? "come in" : "go out");
}

template <typename Holds>
std::vector<std::string> Explainer::rows(Holds holds) const {
    std::vector<std::string> ids;
    for (const Row &row : policy_.rows)
        if (has_transport(row, question_.transport) && row.direction == question_.direction &&
            !is_switched_off(policy_, row) && holds(row))
            ids.push_back(row.id);
    return ids;
}

std::string Explainer::no_service() const {
    const std::vector<std::string> other_sources =
        rows([this](const Row &row) { return contains(row.port, question_.to_port); });
    if (!other_sources.empty())
        return fmt::format("{} it, but not from source port {}", rows_have(other_sources),
                           question_.from_port);
    for (const Row &row : policy_.rows)
        if (has_transport(row, question_.transport) && row.direction == question_.direction &&
            contains(row.port, question_.to_port))
            return fmt::format("{}; row '{}' is switched off, since '{}' is none", no_row_has(),
                               row.id, none_side(policy_, row));
    return no_row_has();
}

std::string Explainer::no_role() const {
    const std::string on = interface_.empty() ? "" : " of " + interface_;
    for (const auto &[name, role] : policy_.roles)
        if (role.addresses.contains(local()) && !is_placed(policy_, name, interface_))
            return fmt::format("{} is in no role{}; role '{}' is placed elsewhere",
                               to_string(local()), on, name);
    return fmt::format("{} is in no role{}", to_string(local()), on);
}

std::string Explainer::no_row() const {
    auto with_ports = [this](const Row &row) {
        return row.port.empty() || (contains(row.port, question_.to_port) &&
                                    contains(row.source_port, question_.from_port));
    };
    auto with_role = [&](const Row &row) {
        return with_ports(row) && row_local_addresses(policy_, row, interface_).contains(local());
    };
    const bool in = question_.direction == Direction::in;
    if (const std::vector<std::string> ids = rows(with_role); !ids.empty())
        return fmt::format("{} {} with {}; none permits {} as {}", rows_have(ids), service(),
                           to_string(local()), to_string(peer()), in ? "source" : "destination");
    if (const std::vector<std::string> ids = rows(with_ports); !ids.empty())
        return fmt::format("{} {}; none permits {} as {}{}", rows_have(ids), service(),
                           to_string(local()), in ? "destination" : "source",
                           interface_.empty() ? "" : " on " + interface_);
    return no_row_has();
}

std::string Explainer::not_first() const {
    std::vector<std::string> ids;
    for (const Row &row : policy_.rows)
        if (has_transport(row, question_.transport) && row.direction != question_.direction &&
            !is_switched_off(policy_, row) && contains(row.port, question_.from_port) &&
            contains(row.source_port, question_.to_port))
            ids.push_back(row.id);
    return fmt::format("no row lets it open a flow; it could answer one of {}, but none is live",
                       quoted(ids));
}

std::string Explainer::blocked() const {
    std::vector<std::string> names;
    for (const std::string &name : policy_.block)
        if (peer_addresses(policy_, name).contains(peer())) names.push_back(name);
    return fmt::format("{} is in {}, listed under block", to_string(peer()), quoted(names));
}

std::string Explainer::spoofed() const {
    for (const auto &[name, role] : policy_.roles)
        if (!role.is_interface && role.addresses.contains(question_.from))
            return fmt::format("{} is this host's own, in role '{}': nobody else may send from it",
                               to_string(question_.from), name);
    return fmt::format("source and destination are both {}", to_string(question_.from));
}

std::string Explainer::drop(pm_reason reason) const {
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
            return fmt::format(
                "{} is unspecified, loopback, multicast, broadcast or reserved: no source",
                to_string(question_.from));
        case PM_DROP_BAD_DESTINATION_ADDRESS:
            return fmt::format("{} is unspecified, loopback or reserved: no destination",
                               to_string(question_.to));
        case PM_DROP_UNSUPPORTED_PROTOCOL:
            return fmt::format("no row names {}{}", service(),
                               question_.to.is_v4() ? " in IPv4" : " in IPv6");
        case PM_DROP_MALFORMED_ESSENTIAL:
            return fmt::format("IGMP is sent to groups alone, and {} is none",
                               to_string(question_.to));
        default:
            return "the compiled policy could not be read";
    }
}

// "198.51.100.7 is in 'partners'"
std::string membership(const Policy &policy, const std::string &name, const Address &address) {
    if (is_role(policy, name)) return fmt::format("{} is in role '{}'", to_string(address), name);
    return fmt::format("{} is in '{}'", to_string(address), name);
}

}  // namespace

std::string why_passed(const Policy &policy, const Row &row, const Question &question) {
    return fmt::format("{}row '{}' permits it: {}, {}",
                       row.section == Section::failsafe ? "failsafe " : "", row.id,
                       membership(policy, row.source, question.from),
                       membership(policy, row.destination, question.to));
}

std::string why_dropped(const Policy &policy, const Question &question,
                        const std::string &interface, pm_reason reason) {
    return Explainer(policy, question, interface).drop(reason);
}

}  // namespace pm
