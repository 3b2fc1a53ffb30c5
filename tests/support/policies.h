// SPDX-License-Identifier: Apache-2.0
// Policies for tests, built as models without a file.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "policy/image/compile.h"
#include "policy/model/model.h"

namespace pm::test {

struct RowText {
    Direction direction = Direction::in;
    std::vector<std::uint8_t> transports{6};
    std::string source, destination;
    Ports port{};  // empty: any, where the transport has ports
    Ports source_port = any_port;
    Section section = Section::matrix;
};

class PolicyBuilder {
public:
    explicit PolicyBuilder(std::string name = "test") { policy_.name = std::move(name); }

    PolicyBuilder &role(const std::string &name, const std::vector<std::string> &prefixes);
    PolicyBuilder &interface_role(const std::string &name);
    PolicyBuilder &peers(const std::string &name, const std::vector<std::string> &prefixes);
    PolicyBuilder &peers(const std::string &name, AddressSet addresses);
    PolicyBuilder &any_except(const std::string &peers, AddressSet addresses);
    PolicyBuilder &none(const std::string &peers);
    PolicyBuilder &row(const std::string &id, RowText text);
    PolicyBuilder &place(const std::string &interface, const std::vector<std::string> &roles);
    PolicyBuilder &block(const std::string &peers);
    PolicyBuilder &drop_fragments();

    operator Policy() const { return policy_; }

private:
    Policy policy_;
};

AddressSet addresses(const std::vector<std::string> &prefixes);
AddressSetDef listed(AddressSet set);  // as if written prefix by prefix

// The shipped table of public instant messaging, as a site with addresses of its own uses it.
Policy public_im_policy();

// A policy in which every kind of row occurs: both families, both directions, failsafe and
// block, a multicast destination, echo, GRE, an exception, a set that is `none`.
Policy mixed_policy();

// The compiled policy as the tests' one interface sees it; a fault ends the test.
Image compile_for_test(const Policy &policy);

}  // namespace pm::test
