// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/explain_arguments.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "maps/image.h"
#include "policy/base/text.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

tl::unexpected<Fault> usage(std::string message, std::string hint = {}) {
    return fault(std::move(message), std::move(hint), Exit::usage);
}

bool is_name(std::string_view text) {
    return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) &&
           text.find(':') == text.npos;
}

Result<AskedEnd> parse_end(const std::string &text) {
    std::string_view address = text, port;
    const auto close = address.find(']');
    bool has_port = false;
    if (address.starts_with('[') && close != std::string_view::npos) {
        has_port = close + 1 < address.size() && address[close + 1] == ':';
        if (!has_port && close + 1 != address.size())
            return usage(fmt::format("'{}' is no [ADDRESS]:PORT", text));
        if (has_port) port = address.substr(close + 2);
        address = address.substr(1, close - 1);
    } else if (const auto colon = address.find(':');
               colon != std::string_view::npos && colon == address.rfind(':')) {
        has_port = true;  // one colon only: IPv4 or a role, and a port
        port = address.substr(colon + 1);
        address = address.substr(0, colon);
    }
    AskedEnd end;
    auto parsed = parse_address(address);
    if (parsed)
        end.address = *parsed;
    else if (is_name(address))
        end.role = address;
    else
        return usage(fmt::format("'{}': {}", text, parsed.error()),
                     "write 192.0.2.1, 192.0.2.1:443, 2001:db8::1, [2001:db8::1]:443, or a role");
    if (!has_port) return end;
    end.port = parse_digits<std::uint16_t>(port);
    if (!end.port || *end.port == 0)
        return usage(fmt::format("'{}' is no port; ports are 1-65535", port));
    return end;
}

Family family_of(const std::optional<Address> &address) {
    if (!address) return Family::any;
    return address->is_v4() ? Family::v4 : Family::v6;
}

Result<Address> address_of_end(const AskedEnd &end, Family other, const RoleAddress &address_of) {
    if (end.address) return *end.address;
    return address_of(end.role, other);
}

std::string place_of(const AskedEnd &end) {
    if (!end.address) return end.role;
    return end.address->is_v4() ? to_string(*end.address) : "[" + to_string(*end.address) + "]";
}

Done check_ports(const AskedFlow &asked) {
    for (const std::uint8_t transport : asked.transports) {
        if (has_ports(transport) && !asked.to.port)
            return usage(fmt::format("{} needs a destination port", transport_name(transport)),
                         fmt::format("write --to {}:PORT", place_of(asked.to)));
        if (!has_ports(transport) && (asked.from.port || asked.to.port))
            return usage(fmt::format("{} has no ports", transport_name(transport)));
    }
    if (asked.transports.empty() && asked.from.port && !asked.to.port)
        return usage("a source port needs a destination port",
                     fmt::format("write --to {}:PORT", place_of(asked.to)));
    return {};
}

const std::string &role_kinds(Family family) {
    static const std::string kinds[] = {"address", "IPv4 address", "IPv6 address"};
    return kinds[static_cast<int>(family)];
}

bool is_of(const Address &address, Family family) {
    return family == Family::any || address.is_v4() == (family == Family::v4);
}

// The interfaces with a role for which `holds` is true.
std::vector<AskedInterface> interfaces_with(
    const Policy &policy, const std::function<bool(const AddressSetDef &)> &holds) {
    std::vector<AskedInterface> found;
    for (unsigned number = 0; number < policy.interfaces.size(); ++number) {
        const InterfaceDef &interface = policy.interfaces[number];
        if (std::ranges::any_of(interface.roles, [&](const std::string &role) {
                return holds(policy.roles.at(role));
            }))
            found.push_back({number, interface.name});
    }
    return found;
}

}  // namespace

Result<std::uint8_t> parse_protocol(const std::string &text) {
    const auto named = transport_number(text);
    const auto number = named ? named : parse_digits<std::uint8_t>(text);
    if (number) return *number;
    return usage(fmt::format("'{}' is no protocol", text),
                 "write tcp, udp, icmp, icmpv6 or a number up to 255");
}

Result<AskedFlow> parse_flow(const std::string &from, const std::string &to,
                             const std::string &protocol) {
    AskedFlow asked;
    if (!protocol.empty()) {
        const auto transport = parse_protocol(protocol);
        if (!transport) return tl::unexpected(transport.error());
        asked.transports = {*transport};
    }
    auto source = parse_end(from);
    if (!source) return tl::unexpected(source.error());
    auto destination = parse_end(to);
    if (!destination) return tl::unexpected(destination.error());
    asked.from = std::move(*source);
    asked.to = std::move(*destination);
    if (asked.from.address && asked.to.address &&
        asked.from.address->is_v4() != asked.to.address->is_v4())
        return usage("--from and --to are addresses of different families");
    if (auto checked = check_ports(asked); !checked) return tl::unexpected(checked.error());
    return asked;
}

Result<Address> role_address(const Policy &policy, const std::vector<Address> &own,
                             const std::string &role, Family family) {
    const auto found = policy.roles.find(role);
    if (found == policy.roles.end()) {
        std::vector<std::string> roles;
        for (const auto &[name, set] : policy.roles) roles.push_back(name);
        return usage(fmt::format("'{}' is no address and no role of the policy", role),
                     roles.empty() ? "" : "its roles: " + joined(roles));
    }
    const AddressSetDef &set = found->second;
    if (set.is_none) return usage(fmt::format("role '{}' is none: it has no address", role));
    for (const Address &one : own)
        if (set.is_interface && is_of(one, family)) return one;
    for (const Range &range : set.addresses.ranges())
        if (is_of(range.first, family == Family::any ? Family::v4 : family)) return range.first;
    if (family == Family::any && !set.addresses.empty()) return set.addresses.ranges()[0].first;
    if (set.is_interface)
        return usage(fmt::format("role '{}' is any address of its interface", role),
                     "name the address");
    return usage(fmt::format("role '{}' has no {}", role, role_kinds(family)));
}

Result<std::vector<Tuple>> settle_flow(const AskedFlow &asked, std::optional<Direction> direction,
                                       const RoleAddress &address_of) {
    auto from = address_of_end(asked.from, family_of(asked.to.address), address_of);
    if (!from) return tl::unexpected(from.error());
    auto to = address_of_end(asked.to, family_of(*from), address_of);
    if (!to) return tl::unexpected(to.error());
    std::vector<std::uint8_t> transports = asked.transports;
    if (transports.empty() && asked.to.port)
        transports = {PM_PROTO_TCP, PM_PROTO_UDP};
    else if (transports.empty())
        transports = {to->is_v4() ? std::uint8_t{PM_PROTO_ICMP} : std::uint8_t{PM_PROTO_ICMPV6}};
    std::vector<Tuple> tuples;
    for (const std::uint8_t transport : transports)
        tuples.push_back({.from = *from,
                          .to = *to,
                          .from_port = asked.from.port,
                          .to_port = asked.to.port,
                          .transport = transport,
                          .direction = direction});
    return tuples;
}

Direction guess_direction(const Tuple &tuple, const std::function<bool(const Address &)> &is_own,
                          std::string &note) {
    const bool from = is_own(tuple.from), to = is_own(tuple.to);
    const Direction direction = from ? Direction::out : Direction::in;
    if (from == to)
        note = fmt::format("{} listed as this host's; taken as {}, --direction says otherwise",
                           from ? "both addresses are" : "neither address is",
                           from ? "going out" : "coming in");
    return direction;
}

Result<std::vector<AskedInterface>> asked_interfaces(const Policy &policy,
                                                     const std::vector<std::string> &names,
                                                     const Address &local) {
    std::vector<AskedInterface> asked;
    if (policy.interfaces.empty()) {
        for (const std::string &name : names) asked.push_back({0, name});
        if (names.empty()) asked.emplace_back();
        return asked;
    }
    for (const std::string &name : names) {
        const auto found = std::ranges::find(policy.interfaces, name, &InterfaceDef::name);
        if (found == policy.interfaces.end())
            return usage(fmt::format("the policy places no role on '{}'", name));
        asked.push_back({static_cast<unsigned>(found - policy.interfaces.begin()), name});
    }
    if (!names.empty()) return asked;
    asked = interfaces_with(
        policy, [&](const AddressSetDef &role) { return role.addresses.contains(local); });
    if (asked.empty() && AddressSet::any().contains(local))
        asked =
            interfaces_with(policy, [](const AddressSetDef &role) { return role.is_interface; });
    if (asked.empty()) asked = interfaces_with(policy, [](const AddressSetDef &) { return true; });
    return asked;
}

}  // namespace pm
