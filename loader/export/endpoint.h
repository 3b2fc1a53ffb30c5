// SPDX-License-Identifier: Apache-2.0
// HOST:PORT as it is written on the command line, for --listen and --ipfix.
#pragma once

#include <optional>
#include <string>

namespace pm::exporter {

struct Endpoint {
    std::string host;  // without brackets; empty where a port stands alone
    std::string port;  // a number from 1 to 65535
};

// "192.0.2.1:9", "[2001:db8::1]:9", "name:9", "9". Nothing: it is none of these.
std::optional<Endpoint> parse_endpoint(const std::string &text);

}  // namespace pm::exporter
