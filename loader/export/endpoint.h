// SPDX-License-Identifier: Apache-2.0
// HOST:PORT as it is written on the command line.
#pragma once

#include <string>

#include <tl/expected.hpp>

namespace pm::exporter {

struct Endpoint {
    std::string host;  // without brackets; empty where a port stands alone
    std::string port;  // a number from 1 to 65535
};

// "192.0.2.1:9", "[2001:db8::1]:9", "name:9", "9". The error is empty: the caller knows the option.
tl::expected<Endpoint, std::string> parse_endpoint(const std::string &text);

}  // namespace pm::exporter
