// SPDX-License-Identifier: Apache-2.0
#include "policy/language/resolve.h"

#include <netinet/in.h>

#include <algorithm>

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/names.h"
#include "policy/language/place_roles.h"
#include "policy/language/resolve_sets.h"
#include "policy/language/words.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

// Ports as they were written, names kept, for printing as YAML.
std::string written(const PortItems &items) {
    std::vector<std::string> texts;
    for (const PortItem &item : items)
        texts.push_back(item.name.empty() ? to_string(Ports{item.range}) : item.name);
    if (texts.empty()) return {};
    return texts.size() == 1 ? texts[0] : "[" + joined(texts) + "]";
}

class RowResolver {
public:
    RowResolver(const Document &document, Lookup &lookup, Diagnostics &diagnostics)
        : document_(document), lookup_(lookup), diagnostics_(diagnostics) {}

    Row resolve(const WrittenRow &from) {
        Row row = from.row;
        row.source = from.source.text;
        row.destination = from.destination.text;
        row.port = lookup_.ports(from.port).value_or(any_port);
        row.source_port = lookup_.ports(from.source_port).value_or(any_port);
        row.port_text = written(from.port);
        row.source_port_text = written(from.source_port);
        if (from.port.empty()) row.port.clear(), row.source_port.clear();
        const bool known = lookup_.role_or_peers(from.source);
        if (lookup_.role_or_peers(from.destination) && known) row.direction = direction(from);
        return row;
    }

private:
    Direction direction(const WrittenRow &row) {
        const bool from_role = document_.roles.contains(row.source.text);
        const bool to_role = document_.roles.contains(row.destination.text);
        if (from_role && to_role) {
            diagnostics_.error(
                row.destination.where,
                fmt::format(
                    "source {} and destination {} are both roles; one side of a row is a peer",
                    quote(row.source.text), quote(row.destination.text)));
        } else if (!from_role && !to_role && !is_multicast(row.destination)) {
            diagnostics_.error(
                row.destination.where,
                fmt::format("neither source {} nor destination {} is a role",
                            quote(row.source.text), quote(row.destination.text)),
                "one side of a row is a role of edge, or the destination a peer set of multicast or broadcast addresses only");
        }
        return from_role ? Direction::out : Direction::in;
    }

    // A set that is switched off, or not defined yet, counts as one: it has no address that says
    // otherwise.
    bool is_multicast(const Name &destination) const {
        const auto found = document_.peers.find(destination.text);
        return found != document_.peers.end() &&
               AddressSet::multicast().contains(found->second.addresses);
    }

    const Document &document_;
    Lookup &lookup_;
    Diagnostics &diagnostics_;
};

class ExpectationResolver {
public:
    ExpectationResolver(const Policy &policy, Lookup &lookup, Diagnostics &diagnostics)
        : policy_(policy), lookup_(lookup), diagnostics_(diagnostics) {}

    // An expectation that names no transport becomes one for each transport.
    std::vector<Expectation> resolve(const WrittenExpectation &from) {
        Expectation expectation = from.expectation;
        expectation.from_role = from.from.text;
        expectation.to_role = from.to.text;
        if (!check_ends(from) || !resolve_names(from, expectation)) return {};

        std::vector<Expectation> all;
        for (const std::uint8_t transport : transports(from)) {
            expectation.transport = transport;
            expectation.port = has_ports(transport) ? ports_ : Ports{};
            all.push_back(expectation);
        }
        return all;
    }

private:
    bool check_ends(const WrittenExpectation &from) {
        const bool from_role = !from.from.text.empty(), to_role = !from.to.text.empty();
        const bool known = !from_role || lookup_.role(from.from);
        if ((to_role && !lookup_.role(from.to)) || !known) return false;
        if (!from_role || !to_role) return true;
        diagnostics_.error(from.to.where,
                           "from and to are both roles; one side is the address of a peer");
        return false;
    }

    bool resolve_names(const WrittenExpectation &from, Expectation &expectation) {
        const auto port = lookup_.ports(from.port.value_or(PortItems{PortItem{}}));
        const auto source_port = lookup_.ports(from.source_port.value_or(PortItems{PortItem{}}));
        if (from.row && !check_row(*from.row)) return false;
        if (from.interface && !check_interface(*from.interface)) return false;
        if (!port || !source_port) return false;
        ports_ = *port;
        expectation.source_port = *source_port;
        if (from.row) expectation.row = from.row->text;
        if (from.interface) expectation.interface = from.interface->text;
        return true;
    }

    bool check_row(const Name &name) {
        std::vector<std::string> ids;
        for (const Row &row : policy_.rows) ids.push_back(row.id);
        if (std::ranges::find(ids, name.text) != ids.end()) return true;
        diagnostics_.error(name.where, fmt::format("row {} is not defined", quote(name.text)),
                           did_you_mean(name.text, ids));
        return false;
    }

    bool check_interface(const Name &name) {
        std::vector<std::string> names;
        for (const InterfaceDef &interface : policy_.interfaces) names.push_back(interface.name);
        if (std::ranges::find(names, name.text) != names.end()) return true;
        diagnostics_.error(
            name.where, fmt::format("interface {} is not in 'interfaces'", quote(name.text)),
            names.empty() ? "without 'interfaces' all rows hold on every interface: leave it out"
                          : fmt::format("listed: {}", joined(names)));
        return false;
    }

    std::vector<std::uint8_t> transports(const WrittenExpectation &from) const {
        if (from.transport) return {*from.transport};
        std::vector<std::uint8_t> all{IPPROTO_TCP, IPPROTO_UDP};
        if (from.port || from.source_port) return all;
        const std::optional<Address> &address = from.expectation.from_address
                                                    ? from.expectation.from_address
                                                    : from.expectation.to_address;
        all.push_back(*transport_number(address->is_v4() ? "icmp" : "icmpv6"));
        // Protocols that no row names are dropped whatever the addresses.
        for (const Row &row : policy_.rows)
            for (const std::uint8_t transport : row.transports)
                if (transport != IPPROTO_ICMP && transport != IPPROTO_ICMPV6 &&
                    std::ranges::find(all, transport) == all.end())
                    all.push_back(transport);
        return all;
    }

    const Policy &policy_;
    Lookup &lookup_;
    Diagnostics &diagnostics_;
    Ports ports_;
};

// A policy without rows would drop everything; that is hardly meant.
void check_whole(const Document &document, Diagnostics &diagnostics) {
    if (!document.name)
        diagnostics.error({document.file}, "the policy has no name", "write 'policy: NAME'");
    if (document.rows.empty())
        diagnostics.error({document.file}, "the policy has no rows: it would drop everything",
                          "write rows under matrix, or include a file that has them");
}

std::string required_hint(const Document &document, const std::string &name,
                          const AddressSetDef &set, std::string_view section) {
    const std::string line = fmt::format("'{}: [ADDRESS, ...]' under {}", name, section);
    if (set.where.file == document.file)
        return fmt::format("include this file in a policy of your own and write {} there", line);
    return fmt::format("write {} in {}, or none to switch its rows off", line,
                       printable(document.file->name));
}

void check_required(const Document &document, Diagnostics &diagnostics) {
    const auto check = [&](const auto &sets, std::string_view section, std::string_view what) {
        for (const auto &[name, set] : sets)
            if (set.form == AddressSetDef::Form::required)
                diagnostics.error(
                    set.where,
                    fmt::format("{} {} must be defined by the including file", what, quote(name)),
                    required_hint(document, name, set, section));
    };
    check(document.roles, "edge", "role");
    check(document.peers, "peers", "peer set");
}

}  // namespace

Policy resolve(Document document, Diagnostics &diagnostics) {
    check_whole(document, diagnostics);
    Lookup lookup(document, diagnostics);
    for (const std::string &name : resolve_sets(document, diagnostics)) lookup.mark_used(name);

    Policy policy;
    policy.name = document.name ? document.name->text : "";
    policy.reference = document.reference;
    policy.accept = document.accept;
    policy.file = document.file;
    policy.interfaces = place_roles(document, lookup, diagnostics);
    for (const Name &name : document.block)
        if (lookup.peers(name)) policy.block.push_back(name.text);
    for (const Name &name : document.never_ban)
        if (lookup.peers(name)) policy.never_ban.push_back(name.text);
    RowResolver rows(document, lookup, diagnostics);
    for (const WrittenRow &row : document.rows) policy.rows.push_back(rows.resolve(row));
    ExpectationResolver expectations(policy, lookup, diagnostics);
    for (const WrittenExpectation &written : document.expect)
        for (Expectation &expectation : expectations.resolve(written))
            policy.expect.push_back(std::move(expectation));
    if (document.fragments_drop) policy.fragments_drop = document.fragments_drop->value;
    if (document.handed_over_ipv6) policy.handed_over_ipv6 = document.handed_over_ipv6->value;
    if (document.flow_capacity) policy.flow_capacity = document.flow_capacity->value;
    if (!diagnostics.has_errors()) lookup.warn_unused();
    check_required(document, diagnostics);

    policy.roles = std::move(document.roles);
    policy.peers = std::move(document.peers);
    policy.ports = std::move(document.ports);
    return policy;
}

}  // namespace pm
