// SPDX-License-Identifier: Apache-2.0
#include "loader/export/endpoint.h"

#include <charconv>
#include <system_error>

namespace pm::exporter {

std::optional<Endpoint> parse_endpoint(const std::string &text) {
    const auto colon = text.rfind(':');
    Endpoint end;
    end.port = colon == std::string::npos ? text : text.substr(colon + 1);
    end.host = colon == std::string::npos ? "" : text.substr(0, colon);
    if (colon == 0) return std::nullopt;
    if (end.host.starts_with('[') && end.host.ends_with(']'))
        end.host = end.host.substr(1, end.host.size() - 2);
    else if (end.host.find(':') != std::string::npos)
        return std::nullopt;  // IPv6 without brackets: which colon is it?

    unsigned number = 0;
    const char *last = end.port.data() + end.port.size();
    const auto [stop, error] = std::from_chars(end.port.data(), last, number);
    if (error != std::errc() || stop != last || number < 1 || number > 65535) return std::nullopt;
    return end;
}

}  // namespace pm::exporter
