// SPDX-License-Identifier: Apache-2.0
// Builds policies for tests as models, without a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/model.h"
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

    // A row goes out if its source is a role, else in. Ports count only where a transport has some.
    // Failsafe rows come before matrix rows, whatever the order of the calls. A later row ends the
    // life of the reference.
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
