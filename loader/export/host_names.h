// SPDX-License-Identifier: Apache-2.0
// By which names the exporter may be asked. Another site can let its own name resolve to this host
// (DNS rebinding). A browser then takes our answers for that site's, and lets the site's scripts
// read them. So a request whose Host header has a name that is not this host's is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/export/server.h"

namespace pm::exporter {

class HostNames {
public:
    // `names`: those that are accepted beside every address and "localhost".
    explicit HostNames(std::vector<std::string> names) : names_(std::move(names)) {}

    // The host's own name, and `more`, those of --host-name. A fault if one of these is no name.
    static Result<HostNames> of_this_host(const std::vector<std::string> &more);

    // The reply that refuses the request; nothing: it may be answered.
    std::optional<Reply> refuse(const Request &request) const;

    // `host` is the header's text: "name", "name:9927", "[2001:db8::1]:9927".
    bool has(std::string_view host) const;

private:
    std::vector<std::string> names_;
};

}  // namespace pm::exporter
