// SPDX-License-Identifier: Apache-2.0
#include "tests/support/policy_builder.h"

#include <algorithm>
#include <utility>

#include "maps/image.h"

namespace pm::test {

namespace {

AddressSetDef of_form(AddressSetDef::Form form) {
    AddressSetDef def;
    def.form = form;
    return def;
}

Row make_row(const Policy &policy, const std::string &id,
             const std::vector<std::uint8_t> &transports, const std::string &source,
             const std::string &destination, const Ports &ports, const Ports &source_ports) {
    Row row;
    row.id = id;
    row.direction = is_role(policy, source) ? Direction::out : Direction::in;
    row.transports = transports;
    row.source = source;
    row.destination = destination;
    if (std::ranges::any_of(transports,
                            [](int t) { return t == PM_PROTO_TCP || t == PM_PROTO_UDP; })) {
        row.port = ports;
        row.source_port = source_ports;
        row.port_text = to_string(ports);
        row.source_port_text = to_string(source_ports);
    }
    return row;
}

}  // namespace

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
    policy.roles[name] = listed(addresses(prefixes));
    return *this;
}

PolicyBuilder &PolicyBuilder::interface_role(const std::string &name) {
    AddressSetDef &def = policy.roles[name] = of_form(AddressSetDef::Form::interface);
    def.is_interface = true;
    return *this;
}

PolicyBuilder &PolicyBuilder::peers(const std::string &name,
                                    const std::vector<std::string> &prefixes) {
    return peers(name, addresses(prefixes));
}

PolicyBuilder &PolicyBuilder::peers(const std::string &name, AddressSet set) {
    policy.peers[name] = listed(std::move(set));
    return *this;
}

PolicyBuilder &PolicyBuilder::peers_from_file(const std::string &name, AddressSet set) {
    SetItem item;
    item.kind = SetItem::Kind::file;
    item.text = item.file_path = "/" + name;
    item.file_count = set.ranges().size();
    AddressSetDef &def = policy.peers[name] = {};
    def.items.push_back(item);
    def.addresses = std::move(set);
    return *this;
}

PolicyBuilder &PolicyBuilder::any_peers(const std::string &name) {
    AddressSetDef &def = policy.peers[name] = of_form(AddressSetDef::Form::any);
    def.addresses = AddressSet::any();
    return *this;
}

PolicyBuilder &PolicyBuilder::any_peers_except(const std::string &name, const AddressSet &set) {
    AddressSetDef &def = policy.peers[name] = of_form(AddressSetDef::Form::except);
    def.of_any = true;
    def.except = listed(set).items;
    def.addresses = AddressSet::any() - set;
    return *this;
}

PolicyBuilder &PolicyBuilder::no_peers(const std::string &name) {
    AddressSetDef &def = policy.peers[name] = of_form(AddressSetDef::Form::none);
    def.is_none = true;
    return *this;
}

PolicyBuilder &PolicyBuilder::place(const std::string &interface,
                                    const std::vector<std::string> &roles) {
    policy.interfaces.push_back({interface, roles, {}});
    return *this;
}

PolicyBuilder &PolicyBuilder::block(const std::string &peers) {
    policy.block.push_back(peers);
    return *this;
}

Row &PolicyBuilder::row(const std::string &id, const std::vector<std::uint8_t> &transports,
                        const std::string &source, const std::string &destination,
                        const Ports &ports, const Ports &source_ports) {
    return policy.rows.emplace_back(
        make_row(policy, id, transports, source, destination, ports, source_ports));
}

Row &PolicyBuilder::failsafe(const std::string &id, const std::vector<std::uint8_t> &transports,
                             const std::string &source, const std::string &destination,
                             const Ports &ports, const Ports &source_ports) {
    Row row = make_row(policy, id, transports, source, destination, ports, source_ports);
    row.section = Section::failsafe;
    const auto first_matrix_row = std::ranges::find(policy.rows, Section::matrix, &Row::section);
    return *policy.rows.insert(first_matrix_row, std::move(row));
}

}  // namespace pm::test
