// SPDX-License-Identifier: Apache-2.0
// The words of nftables' JSON (libnftables-json(5)) that the parachute is written in, and the list
// of commands that it becomes. What is matched of a flow is conntrack's tuple as it is on the wire:
// of a flow that others opened the original one (before a DNAT), of one that this host opened the
// reply (after a SNAT).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm::parachute {

using Json = nlohmann::ordered_json;

enum class Family { v4, v6 };
inline constexpr Family families[] = {Family::v4, Family::v6};
const char *suffix(Family family);  // "v4"

// The part of a set that is of the family.
AddressSet part(const AddressSet &set, Family family);

// Expressions

Json meta(const char *key);
Json payload(const char *protocol, const char *field);
Json flow(const char *key, Direction opener);  // of the flow's tuple, such as "protocol"
Json match(Json left, Json right, const char *op = "==");
Json masked(Json left, unsigned bits);
Json one_of(Json values);  // an anonymous set
Json range(unsigned first, unsigned last);
Json jump(const std::string &chain);
Json go_to(const std::string &chain);
Json update(const std::string &set, Json key);  // adds the key to a set of the table
Json accept();
Json drop();

Json is_family(Family family);
Json not_yet_a_flow();  // the packet is the first of its flow

// The address of one end of the flow, in the family.
Json peer_address(Family family, Direction opener);
Json local_address(Family family, Direction opener);

// The commands of a ruleset, a line of JSON each, in the order in which they are to be run.
class Ruleset {
public:
    Ruleset() = default;

    void add_chain(const std::string &name);
    void add_hook(const std::string &chain, const char *hook, int priority, const char *policy);
    void add_rule(const std::string &chain, std::vector<Json> statements);
    // An empty set that is filled when the ruleset is loaded, or by packets.
    void add_set(const std::string &name, const char *type, const std::vector<const char *> &flags,
                 unsigned timeout_seconds = 0);
    void add_map(const std::string &name);  // from names of devices to verdicts
    void add_addresses(const std::string &name, Family family, Json elements);
    void add_limit(const std::string &name, Json rate);

    // The name of a set with these addresses, of one family and not empty. Equal ones are one set.
    std::string set_of(const AddressSet &addresses, Family family);

    std::string text() const { return text_; }

private:
    void add(const char *kind, Json object);

    std::string text_;
    std::map<std::pair<Family, std::vector<Range>>, std::string> sets_;
};

Json elements_of(const AddressSet &addresses);
Json element_of(const Range &range);

}  // namespace pm::parachute
