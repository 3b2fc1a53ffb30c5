// SPDX-License-Identifier: Apache-2.0
// A policy after it has been read: includes merged, names resolved, addresses known. check,
// compile, print and explain work on this. Nothing of YAML is left, but `where` tells where a thing
// was written.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/model/accepted.h"
#include "policy/model/address.h"

namespace pm {

enum class Direction { in, out };  // who opens: outsiders, or this host
enum class Section { matrix, failsafe };

struct PortRange {
    std::uint16_t first = 1;
    std::uint16_t last = 65535;

    auto operator<=>(const PortRange &) const = default;
};
using Ports = std::vector<PortRange>;  // sorted, disjoint, not adjacent
inline const Ports any_port{PortRange{1, 65535}};

// Sorts the ranges and joins those that overlap or touch.
Ports merge_ports(std::vector<PortRange> ranges);

bool contains(const Ports &ports, std::uint16_t port);
Ports common_ports(const Ports &a, const Ports &b);  // those that both have

std::string to_string(const Ports &ports);  // "443,50000-59999", "any"

// One entry of a set as written.
struct SetItem {
    enum class Kind { prefix, name, file } kind = Kind::prefix;
    Prefix prefix;          // kind prefix; an address is a prefix of full length
    std::string text;       // name or path as written
    std::string file_path;  // kind file: absolute
    std::uint64_t file_count = 0;
    std::string file_sha256;  // lowercase hex
    std::shared_ptr<const SourceFile> content;
    Location where;
};

// A set of edge: (roles) or peers:, as written and resolved.
struct AddressSetDef {
    enum class Form { any, none, required, interface, items, except } form = Form::items;
    std::vector<SetItem> items;  // items: the list; except: `of`
    std::vector<SetItem> except;
    bool of_any = false;        // except: `of: any`
    AddressSet addresses;       // resolved; form interface: empty, see is_interface
    bool is_interface = false;  // resolved through aliases
    bool is_none = false;       // resolved: switched off on purpose
    Location where;             // of the name
};

struct PortSetDef {
    Ports ports;
    Location where;
};

struct Check {
    enum class Payload { none, tls, stun, msturn, rtp, sip } payload = Payload::none;
    bool drop = false;  // on-mismatch: drop; else count
};

struct Limit {
    std::uint32_t flows = 0;        // 0: no limit
    std::uint32_t per_seconds = 1;  // 1 or 60
    std::uint32_t burst = 0;
    bool per_row = false;  // else per peer (IPv6: per /64)
};

struct Row {
    std::string id;
    Section section = Section::matrix;
    Direction direction = Direction::in;
    std::string role;  // the text column of the published table, may be empty
    std::string protocol;
    std::vector<std::uint8_t> transports;  // IP protocol numbers, in written order
    std::string source;                    // a name: role or peer set, or "any"
    std::string destination;
    Ports port;  // destination port; empty for transports without ports
    Ports source_port;
    std::string port_text;  // as written, names kept, for printing
    std::string source_port_text;
    std::string notes;
    std::string owner, ticket;  // for people; may be empty
    std::uint64_t expires = 0;  // ns of UTC from which it permits no new flow; 0: never (date.h)
    Check check;
    Limit limit;
    std::vector<std::string> accept;  // of row_findings
    Location where;                   // of the id
};

struct InterfaceDef {
    std::string name;
    std::vector<std::string> roles;
    Location where;
};

struct Expectation {
    std::optional<Address> from_address, to_address;  // else the role
    std::string from_role, to_role;
    std::uint8_t transport = 0;
    Ports port;  // destination port; empty for transports without ports
    Ports source_port = any_port;
    bool pass = false;
    std::optional<std::string> row;
    std::optional<std::string> interface;
    Location where;
};

struct Policy {
    std::string name;
    std::string reference;
    std::vector<InterfaceDef> interfaces;  // in written order; empty: all rows everywhere
    std::map<std::string, AddressSetDef> roles;
    std::map<std::string, AddressSetDef> peers;
    std::map<std::string, PortSetDef> ports;
    std::vector<std::string> block;
    std::vector<std::string> never_ban;  // peer sets that 'ban' refuses to touch
    std::vector<std::string> accept;     // of policy_findings
    std::vector<Row> rows;               // failsafe rows first, then the matrix, each in order
    std::vector<Expectation> expect;
    bool fragments_drop = false;
    bool handed_over_ipv6 = false;  // what other devices hand over with a listed source is accepted
    std::uint32_t flow_capacity = 65536;
    std::shared_ptr<const SourceFile> file;
};

// Is the role placed on the interface? True for all where the policy names no interfaces.
bool is_placed(const Policy &policy, const std::string &role, const std::string &interface);

// The addresses that the name of a row's peer stands for: those of a peer set, or any().
const AddressSet &peer_addresses(const Policy &policy, const std::string &name);

// What the sets under `block` hold together.
AddressSet blocked_addresses(const Policy &policy);

// The local addresses of `role` on an interface: listed ones, or for `interface` roles every
// unicast address less those listed for roles on other interfaces (inbound), or every address
// (outbound).
AddressSet local_addresses(const Policy &policy, const std::string &role,
                           const std::string &interface, Direction direction);

// The names of a row's two sides. The local one is a role, or, of an inbound row, a peer set of
// multicast addresses.
const std::string &local_name(const Row &row);
const std::string &peer_name(const Row &row);
bool is_role(const Policy &policy, const std::string &name);

// A row with a set that is `none` stays in the policy and matches nothing.
bool is_none(const Policy &policy, const std::string &name);
bool is_switched_off(const Policy &policy, const Row &row);
const std::string &none_side(const Policy &policy, const Row &row);  // the `none` set of such a row

// The addresses of a row's local side on an interface; empty where the row does not exist.
AddressSet row_local_addresses(const Policy &policy, const Row &row, const std::string &interface);

}  // namespace pm
