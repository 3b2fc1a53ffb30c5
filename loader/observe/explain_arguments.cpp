// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/explain_arguments.h"

#include <algorithm>
#include <string_view>

#include <fmt/core.h>

#include "policy/base/text.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

tl::unexpected<Fault> usage(std::string message, std::string hint = {}) {
    return fault(std::move(message), std::move(hint), Exit::usage);
}

struct Endpoint {
    Address address;
    std::optional<std::uint16_t> port;
};

Result<Endpoint> parse_endpoint(const std::string &text) {
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
        has_port = true;  // one colon only: IPv4 and a port
        port = address.substr(colon + 1);
        address = address.substr(0, colon);
    }
    auto parsed = parse_address(address);
    if (!parsed)
        return usage(fmt::format("'{}': {}", text, parsed.error()),
                     "write 192.0.2.1, 192.0.2.1:443, 2001:db8::1 or [2001:db8::1]:443");
    if (!has_port) return Endpoint{*parsed, std::nullopt};
    const auto number = parse_digits<std::uint16_t>(port);
    if (!number || *number == 0)
        return usage(fmt::format("'{}' is no port; ports are 1-65535", port));
    return Endpoint{*parsed, number};
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

Result<Tuple> parse_tuple(const std::string &from, const std::string &to,
                          const std::string &protocol) {
    const auto transport = parse_protocol(protocol);
    if (!transport)
        return usage(fmt::format("'{}' is no protocol", protocol),
                     "write tcp, udp, icmp, icmpv6 or a number up to 255");
    auto source = parse_endpoint(from);
    if (!source) return tl::unexpected(source.error());
    auto destination = parse_endpoint(to);
    if (!destination) return tl::unexpected(destination.error());
    if (source->address.is_v4() != destination->address.is_v4())
        return usage("--from and --to are addresses of different families");
    if (has_ports(*transport) && !destination->port)
        return usage(
            fmt::format("{} needs a destination port", transport_name(*transport)),
            fmt::format("write --to {}:PORT", destination->address.is_v4() ? to : "[" + to + "]"));
    if (!has_ports(*transport) && (source->port || destination->port))
        return usage(fmt::format("{} has no ports", transport_name(*transport)));

    Tuple tuple;
    tuple.from = source->address;
    tuple.to = destination->address;
    tuple.from_port = source->port;
    tuple.to_port = destination->port;
    tuple.transport = *transport;
    return tuple;
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
