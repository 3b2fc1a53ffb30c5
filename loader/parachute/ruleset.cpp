// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/ruleset.h"

#include <fmt/core.h>

#include "loader/parachute/render.h"

namespace pm::parachute {
namespace {

// Of struct nf_conn's status: a packet of the flow has passed every hook before.
constexpr unsigned ct_confirmed = 8;

Json in_table(Json object) {
    object["family"] = "inet";
    object["table"] = table_name;
    return object;
}

Json address(Family family, const char *end, const char *way) {
    return {
        {"ct",
         {{"key", fmt::format("{} {}", family == Family::v4 ? "ip" : "ip6", end)}, {"dir", way}}}};
}

const char *tuple_of(Direction opener) {
    return opener == Direction::in ? "original" : "reply";
}

}  // namespace

const char *suffix(Family family) {
    return family == Family::v4 ? "v4" : "v6";
}

AddressSet part(const AddressSet &set, Family family) {
    return set & (family == Family::v4 ? AddressSet::v4() : AddressSet::v6());
}

Json meta(const char *key) {
    return {{"meta", {{"key", key}}}};
}

Json payload(const char *protocol, const char *field) {
    return {{"payload", {{"protocol", protocol}, {"field", field}}}};
}

Json flow(const char *key, Direction opener) {
    return {{"ct", {{"key", key}, {"dir", tuple_of(opener)}}}};
}

Json match(Json left, Json right, const char *op) {
    return {{"match", {{"op", op}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}

Json masked(Json left, unsigned bits) {
    return {{"&", Json::array({std::move(left), bits})}};
}

Json one_of(Json values) {
    return {{"set", std::move(values)}};
}

Json range(unsigned first, unsigned last) {
    return {{"range", Json::array({first, last})}};
}

Json jump(const std::string &chain) {
    return {{"jump", {{"target", chain}}}};
}

Json go_to(const std::string &chain) {
    return {{"goto", {{"target", chain}}}};
}

Json update(const std::string &set, Json key) {
    return {{"set", {{"op", "update"}, {"elem", std::move(key)}, {"set", "@" + set}}}};
}

Json accept() {
    return {{"accept", nullptr}};
}

Json drop() {
    return {{"drop", nullptr}};
}

Json is_family(Family family) {
    return match(meta("nfproto"), family == Family::v4 ? "ipv4" : "ipv6");
}

Json not_yet_a_flow() {
    return match(masked({{"ct", {{"key", "status"}}}}, ct_confirmed), 0);
}

// In the reply tuple the ends are the other way round: its source is whom this host called.
Json peer_address(Family family, Direction opener) {
    return address(family, "saddr", tuple_of(opener));
}

Json local_address(Family family, Direction opener) {
    return address(family, "daddr", tuple_of(opener));
}

Json element_of(const Range &range) {
    if (range.first == range.last) return to_string(range.first);
    return {{"range", Json::array({to_string(range.first), to_string(range.last)})}};
}

Json elements_of(const AddressSet &addresses) {
    Json elements = Json::array();
    for (const Range &range : addresses.ranges()) elements.push_back(element_of(range));
    return elements;
}

void Ruleset::add(const char *kind, Json object) {
    text_ += Json({{"add", {{kind, in_table(std::move(object))}}}})
                 .dump(-1, ' ', false, Json::error_handler_t::replace);
    text_ += '\n';
}

void Ruleset::add_chain(const std::string &name) {
    add("chain", {{"name", name}});
}

void Ruleset::add_hook(const std::string &chain, const char *hook, int priority,
                       const char *policy) {
    add("chain", {{"name", chain},
                  {"type", "filter"},
                  {"hook", hook},
                  {"prio", priority},
                  {"policy", policy}});
}

void Ruleset::add_rule(const std::string &chain, std::vector<Json> statements) {
    add("rule", {{"chain", chain}, {"expr", std::move(statements)}});
}

void Ruleset::add_set(const std::string &name, const char *type,
                      const std::vector<const char *> &flags, unsigned timeout_seconds) {
    Json set = {{"name", name}, {"type", type}};
    if (!flags.empty()) set["flags"] = flags;
    if (timeout_seconds) {
        set["timeout"] = timeout_seconds;
        set["size"] = 65535;
    }
    add("set", std::move(set));
}

void Ruleset::add_map(const std::string &name) {
    add("map", {{"name", name}, {"type", "ifname"}, {"map", "verdict"}});
}

void Ruleset::add_addresses(const std::string &name, Family family, Json elements) {
    Json set = {{"name", name},
                {"type", family == Family::v4 ? "ipv4_addr" : "ipv6_addr"},
                {"flags", Json::array({"interval"})}};
    if (!elements.empty()) set["elem"] = std::move(elements);
    add("set", std::move(set));
}

void Ruleset::add_limit(const std::string &name, Json rate) {
    rate["name"] = name;
    add("limit", std::move(rate));
}

std::string Ruleset::set_of(const AddressSet &addresses, Family family) {
    auto [entry, is_new] = sets_.try_emplace(
        {family, addresses.ranges()}, fmt::format("set-{}-{}", suffix(family), sets_.size()));
    if (is_new) add_addresses(entry->second, family, elements_of(addresses));
    return entry->second;
}

}  // namespace pm::parachute
