// SPDX-License-Identifier: Apache-2.0
// Builds policies for tests as models, without a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/model/model.h"
#include "tests/support/addresses.h"

namespace pm::test {

class PolicyBuilder {
public:
    explicit PolicyBuilder(const std::string &name = "test") { policy.name = name; }

    PolicyBuilder &role(const std::string &name, const std::vector<std::string> &prefixes);
    PolicyBuilder &interface_role(const std::string &name);
    PolicyBuilder &peers(const std::string &name, const std::vector<std::string> &prefixes);
    PolicyBuilder &peers(const std::string &name, AddressSet set);
    PolicyBuilder &peers_from_file(const std::string &name, AddressSet set);  // for large sets
    PolicyBuilder &any_peers(const std::string &name);
    PolicyBuilder &any_peers_except(const std::string &name, const AddressSet &set);
    PolicyBuilder &no_peers(const std::string &name);
    PolicyBuilder &place(const std::string &interface, const std::vector<std::string> &roles);
    PolicyBuilder &block(const std::string &peers);

    // - The direction is out if the source is a role, else in.
    // - Ports are ignored if no transport of the row has ports.
    // - Failsafe rows come before matrix rows, whatever the order of the calls.
    // - The reference is valid until the next row is added.
    Row &row(const std::string &id, const std::vector<std::uint8_t> &transports,
             const std::string &source, const std::string &destination,
             const Ports &ports = any_port, const Ports &source_ports = any_port);
    Row &failsafe(const std::string &id, const std::vector<std::uint8_t> &transports,
                  const std::string &source, const std::string &destination,
                  const Ports &ports = any_port, const Ports &source_ports = any_port);

    Policy policy;
};

AddressSetDef listed(AddressSet set);  // as if written prefix by prefix

}  // namespace pm::test
