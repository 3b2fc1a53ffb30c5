// SPDX-License-Identifier: Apache-2.0
// What one policy file says, before it is merged with what it includes. Names are not looked up
// yet, and each knows where it was written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/model/model.h"

namespace pm {

struct Name {
    std::string text;
    Location where;
};

// In which section a set is defined: a role under `edge`, or else under `peers`.
enum class SetKind { role, peers };

// One entry of a list of ports: a range, or a name of `ports`.
struct PortItem {
    std::string name;  // empty: `range`
    PortRange range;
    Location where;
};
using PortItems = std::vector<PortItem>;

struct WrittenRow {
    Row row;  // without direction, port and source_port
    Name source, destination;
    PortItems port, source_port;  // empty: the transport has none
};

struct WrittenExpectation {
    Expectation expectation;                // where, verdict, addresses
    Name from, to;                          // the text is empty where the address is given
    std::optional<std::uint8_t> transport;  // absent: every one
    std::optional<PortItems> port, source_port;
    std::optional<Name> row, interface;
};

struct WrittenInterface {
    Name name;
    std::vector<Name> roles;
};

template <typename T>
struct Setting {
    T value;
    Location where;
};

struct Document {
    std::shared_ptr<const SourceFile> file;
    std::optional<Name> name;
    std::string reference;
    std::vector<Name> include;
    std::optional<Setting<std::vector<WrittenInterface>>> interfaces;
    std::map<std::string, AddressSetDef> roles, peers;  // `addresses` not yet resolved
    std::map<std::string, PortSetDef> ports;
    std::vector<Name> block, never_ban;
    std::vector<std::string> accept;  // of policy_findings
    std::vector<WrittenRow> rows;     // failsafe rows first, each in order; ids are unique
    std::vector<Name> remove;
    std::vector<WrittenExpectation> expect;
    std::optional<Setting<bool>> fragments_drop;
    std::optional<Setting<bool>> handed_over_ipv6;
    std::optional<Setting<std::uint32_t>> flow_capacity;
};

// Returns nothing only where the file is no YAML map. Any other fault leaves out the row, set or
// setting that has it.
std::optional<Document> read_document(const std::shared_ptr<const SourceFile> &file,
                                      Diagnostics &diagnostics);

}  // namespace pm
