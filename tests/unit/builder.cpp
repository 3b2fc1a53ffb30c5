// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/builder.h"
#include "policy/judge/question.h"
#include "policy/model/labels.h"

#include <gtest/gtest.h>

#include <sstream>

namespace pm::test {

namespace {

Image compiled(const Policy &policy, const CompileOptions &options) {
    auto image = compile(policy, options);
    if (!image) throw std::runtime_error(image.error());
    return std::move(*image);
}

void parse_end(const std::string &text, Address &where, std::uint16_t &port) {
    const std::size_t bracket = text.find(']');
    const std::size_t colon = text.rfind(':');
    if (bracket != text.npos) {
        where = address(text.substr(1, bracket - 1).c_str());
        port = static_cast<std::uint16_t>(std::stoul(text.substr(bracket + 2)));
    } else if (colon != text.npos && text.find(':') == colon) {
        where = address(text.substr(0, colon).c_str());
        port = static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1)));
    } else {
        where = address(text.c_str());
    }
}

}  // namespace

AddressSet set_of(std::initializer_list<const char *> prefixes) {
    std::vector<Range> ranges;
    for (const char *prefix : prefixes) ranges.push_back(parse_prefix(prefix).value().range());
    return AddressSet(std::move(ranges));
}

Address address(const char *text) {
    return parse_address(text).value();
}

AddressSetDef &Builder::add(std::map<std::string, AddressSetDef> &section, const std::string &name,
                            AddressSetDef::Form form) {
    AddressSetDef &def = section[name];
    def.form = form;
    return def;
}

void Builder::fill(AddressSetDef &def, std::initializer_list<const char *> prefixes) {
    for (const char *prefix : prefixes) {
        SetItem item;
        item.prefix = parse_prefix(prefix).value();
        item.text = prefix;
        def.items.push_back(item);
    }
    def.addresses = set_of(prefixes);
}

Builder &Builder::role(const std::string &name, std::initializer_list<const char *> prefixes) {
    fill(add(policy.roles, name, AddressSetDef::Form::items), prefixes);
    return *this;
}

Builder &Builder::interface_role(const std::string &name) {
    add(policy.roles, name, AddressSetDef::Form::interface).is_interface = true;
    return *this;
}

Builder &Builder::peers(const std::string &name, std::initializer_list<const char *> prefixes) {
    fill(add(policy.peers, name, AddressSetDef::Form::items), prefixes);
    return *this;
}

Builder &Builder::peers(const std::string &name, AddressSet set) {
    AddressSetDef &def = add(policy.peers, name, AddressSetDef::Form::items);
    SetItem item;
    item.kind = SetItem::Kind::file;
    item.text = item.file_path = "/" + name;
    item.file_count = set.ranges().size();
    def.items.push_back(item);
    def.addresses = std::move(set);
    return *this;
}

Builder &Builder::any_peers(const std::string &name) {
    add(policy.peers, name, AddressSetDef::Form::any).addresses = AddressSet::any();
    return *this;
}

Builder &Builder::no_peers(const std::string &name) {
    add(policy.peers, name, AddressSetDef::Form::none).is_none = true;
    return *this;
}

Builder &Builder::place(const std::string &interface, std::vector<std::string> roles) {
    policy.interfaces.push_back({interface, std::move(roles), {}});
    return *this;
}

Builder &Builder::block(const std::string &peers) {
    policy.block.push_back(peers);
    return *this;
}

Row &Builder::row(const std::string &id, std::vector<std::uint8_t> transports,
                  const std::string &source, const std::string &destination, Ports ports) {
    Row &row = policy.rows.emplace_back();
    row.id = id;
    row.transports = std::move(transports);
    row.source = source;
    row.destination = destination;
    row.direction = is_role(policy, source) ? Direction::out : Direction::in;
    row.port = std::move(ports);
    row.port_text = to_string(row.port);
    if (!row.port.empty()) row.source_port = any_port;
    return row;
}

Row &Builder::failsafe(const std::string &id, const std::string &source,
                       const std::string &destination, Ports ports) {
    row(id, {tcp}, source, destination, std::move(ports)).section = Section::failsafe;
    auto first = policy.rows.begin();
    while (first->section == Section::failsafe && first + 1 != policy.rows.end()) ++first;
    std::rotate(first, policy.rows.end() - 1, policy.rows.end());
    return *first;
}

Question question(const std::string &text, unsigned interface) {
    std::istringstream words(text);
    std::string direction, transport, from, arrow, to;
    words >> direction >> transport >> from >> arrow >> to;
    Question out;
    out.direction = direction == "in" ? Direction::in : Direction::out;
    out.interface = interface;
    if (transport == "tcp" || transport == "udp")
        out.transport = transport == "tcp" ? tcp : udp;
    else if (transport == "icmp" || transport == "icmpv6")
        out.transport = transport == "icmp" ? icmp : icmpv6;
    else
        out.transport = static_cast<std::uint8_t>(std::stoul(transport));
    parse_end(from, out.from, out.from_port);
    parse_end(to, out.to, out.to_port);
    return out;
}

Judged::Judged(const Policy &from, const CompileOptions &options)
    : policy(from), image(compiled(policy, options)), view(image.bytes) {}

Answer Judged::ask(const std::string &packet, unsigned interface) const {
    return pm::ask(policy, view, question(packet, interface));
}

std::string Judged::operator()(const Question &packet) const {
    const Answer answer = pm::ask(policy, view, packet);
    return answer.pass ? answer.row : reason_label(answer.reason);
}

std::string Judged::operator()(const std::string &packet, unsigned interface) const {
    return (*this)(question(packet, interface));
}

}  // namespace pm::test
