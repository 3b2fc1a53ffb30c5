// SPDX-License-Identifier: Apache-2.0
// By which names this host may be asked. A page of another site can have its own name resolve to
// this host (DNS rebinding): a browser then takes what the exporter says for that site's, and lets
// its scripts read it. The name stands in the request's Host header.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/export/server.h"

namespace pm::exporter {

class HostNames {
public:
    // Besides every address and "localhost".
    explicit HostNames(std::vector<std::string> names) : names_(std::move(names)) {}

    // The name of this host, and those of --host-name. A fault if one of them is no name.
    static Result<HostNames> of_this_host(const std::vector<std::string> &more);

    // What is answered instead, if the request must not have what it asks for.
    std::optional<Reply> refuse(const Request &request) const;

    // `host`: as the header has it, "name", "name:9927", "[2001:db8::1]:9927".
    bool has(std::string_view host) const;

private:
    std::vector<std::string> names_;
};

}  // namespace pm::exporter
