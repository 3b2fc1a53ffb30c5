// SPDX-License-Identifier: Apache-2.0
// Policies for tests; see policies.h.
#include "tests/support/policies.h"

#include <algorithm>
#include <stdexcept>

#include "policy/language/read.h"
#include "tests/support/kernel.h"

namespace pm::test {

AddressSet addresses(const std::vector<std::string> &prefixes) {
    std::vector<Range> ranges;
    for (const std::string &text : prefixes) {
        auto prefix = parse_prefix(text);
        if (!prefix) throw std::runtime_error(prefix.error());
        ranges.push_back(prefix->range());
    }
    return AddressSet(ranges);
}

AddressSetDef listed(AddressSet set) {
    AddressSetDef def;
    for (const Prefix &prefix : set.prefixes()) {
        SetItem item;
        item.prefix = prefix;
        item.text = to_string(prefix);
        def.items.push_back(item);
    }
    def.addresses = std::move(set);
    return def;
}

PolicyBuilder &PolicyBuilder::role(const std::string &name,
                                   const std::vector<std::string> &prefixes) {
    policy_.roles[name] = listed(addresses(prefixes));
    return *this;
}

PolicyBuilder &PolicyBuilder::interface_role(const std::string &name) {
    AddressSetDef def;
    def.form = AddressSetDef::Form::interface;
    def.is_interface = true;
    policy_.roles[name] = def;
    return *this;
}

PolicyBuilder &PolicyBuilder::peers(const std::string &name, AddressSet set) {
    policy_.peers[name] = listed(std::move(set));
    return *this;
}

PolicyBuilder &PolicyBuilder::peers(const std::string &name,
                                    const std::vector<std::string> &prefixes) {
    return peers(name, addresses(prefixes));
}

PolicyBuilder &PolicyBuilder::any_except(const std::string &name, AddressSet set) {
    AddressSetDef def = listed(set);
    def.form = AddressSetDef::Form::except;
    def.of_any = true;
    std::swap(def.items, def.except);
    def.addresses = AddressSet::any() - set;
    policy_.peers[name] = def;
    return *this;
}

PolicyBuilder &PolicyBuilder::none(const std::string &name) {
    AddressSetDef def;
    def.form = AddressSetDef::Form::none;
    def.is_none = true;
    policy_.peers[name] = def;
    return *this;
}

PolicyBuilder &PolicyBuilder::row(const std::string &id, RowText text) {
    Row row;
    row.id = id;
    row.section = text.section;
    row.direction = text.direction;
    row.transports = text.transports;
    row.source = text.source;
    row.destination = text.destination;
    bool ports = std::ranges::any_of(text.transports, [](int t) { return t == 6 || t == 17; });
    if (ports) {
        row.port = text.port.empty() ? any_port : text.port;
        row.source_port = text.source_port;
        row.port_text = to_string(row.port);
        row.source_port_text = to_string(row.source_port);
    }
    auto end = policy_.rows.end();
    if (text.section == Section::failsafe)  // they stand first
        end = std::ranges::find(policy_.rows, Section::matrix, &Row::section);
    policy_.rows.insert(end, row);
    return *this;
}

PolicyBuilder &PolicyBuilder::place(const std::string &interface,
                                    const std::vector<std::string> &roles) {
    InterfaceDef def;
    def.name = interface;
    def.roles = roles;
    policy_.interfaces.push_back(def);
    return *this;
}

PolicyBuilder &PolicyBuilder::block(const std::string &peers) {
    policy_.block.push_back(peers);
    return *this;
}

PolicyBuilder &PolicyBuilder::drop_fragments() {
    policy_.fragments_drop = true;
    return *this;
}

Policy public_im_policy() {
    auto result = read_policy(PM_SOURCE_DIR "/tests/policies/lync-2013-public-im.yaml", {});
    if (!result.policy || result.diagnostics.has_errors())
        throw std::runtime_error(render(result.diagnostics, false));
    return *result.policy;
}

Policy mixed_policy() {
    const std::vector<std::uint8_t> tcp{6}, udp{17}, both{6, 17}, echo{1, 58}, gre{47};
    const auto in = Direction::in, out = Direction::out;
    return PolicyBuilder("mixed")
        .role("access", {"203.0.113.10/32", "2001:db8:10::10/128"})
        .role("av", {"203.0.113.11/32", "2001:db8:10::11/128"})
        .role("inner", {"10.9.0.10/32"})
        .peers("partners", {"198.51.100.0/24", "2001:db8:20::/48"})
        .peers("admins", {"192.0.2.128/25", "2001:db8:30::/64"})
        .peers("fraud", {"198.51.100.66/32", "192.0.2.200/32", "2001:db8:20:6::/64"})
        .any_except("public", addresses({"10.0.0.0/8", "fc00::/7"}))
        .peers("mdns", {"224.0.0.251/32", "ff02::fb/128"})
        .none("nobody")
        .place(interface_name, {"access", "av"})
        .place("edge1", {"inner"})
        .block("fraud")
        .row("ssh-admins", {in, tcp, "admins", "access", {{22, 22}}, any_port, Section::failsafe})
        .row("sip-in", {in, tcp, "partners", "access", {{5061, 5061}}})
        .row("sip-any-in", {in, tcp, "public", "access", {{5060, 5061}}})
        .row("sip-out", {out, tcp, "access", "partners", {{5061, 5061}}})
        .row("media-in", {in, udp, "public", "av", {{50000, 59999}}})
        .row("relay-out", {out, both, "av", "public", any_port, {{50000, 59999}}})
        .row("stun-in", {in, udp, "any", "av", {{3478, 3478}}})
        .row("dns-out", {out, udp, "access", "any", {{53, 53}}})
        .row("off-in", {in, tcp, "nobody", "access", {{8443, 8443}}})
        .row("mdns-in", {in, udp, "any", "mdns", {{5353, 5353}}, {{5353, 5353}}})
        .row("mdns-out", {out, udp, "access", "mdns", {{5353, 5353}}, {{5353, 5353}}})
        .row("ping-in", {in, echo, "partners", "access"})
        .row("ping-out", {out, echo, "access", "any"})
        .row("gre-in", {in, gre, "partners", "access"})
        .row("inner-in", {in, tcp, "any", "inner", {{4443, 4443}}});
}

Image compile_for_test(const Policy &policy) {
    CompileOptions options;
    options.interfaces.resize(interface_number + 1);
    options.interfaces[interface_number] = interface_name;
    auto image = compile(policy, options);
    if (!image) throw std::runtime_error(image.error());
    return std::move(*image);
}

}  // namespace pm::test
