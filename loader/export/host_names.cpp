// SPDX-License-Identifier: Apache-2.0
#include "loader/export/host_names.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <cctype>

#include "loader/base/host_name.h"
#include "policy/base/text.h"

namespace pm::exporter {
namespace {

bool is_address(int family, std::string_view text) {
    in6_addr address;
    return inet_pton(family, std::string(text).c_str(), &address) == 1;
}

bool is_name(std::string_view text) {
    const auto belongs = [](unsigned char one) {
        return std::isalnum(one) || one == '-' || one == '.' || one == '_';
    };
    return !text.empty() && std::ranges::all_of(text, belongs);
}

bool is_same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// The port is not compared: a proxy or tunnel may listen on another one than we do.
std::string_view without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    if (colon == std::string_view::npos) return host;
    const std::string_view port = host.substr(colon + 1);
    const bool is_port =
        std::ranges::all_of(port, [](unsigned char one) { return std::isdigit(one); });
    return is_port ? host.substr(0, colon) : host;
}

// What may be asked by any name. Health is no secret. Metrics are open over the network, for
// Prometheus may know the host by any name. Over loopback they are not: no Prometheus needs a name
// there, but the browser at the other end of a tunnel comes that way.
bool is_open(const Request &request) {
    return request.path == "/-/healthy" ||
           (request.path == "/metrics" && request.reached != Reached::loopback);
}

}  // namespace

Result<HostNames> HostNames::of_this_host(const std::vector<std::string> &more) {
    for (const std::string &name : more)
        if (!is_name(name))
            return fault("--host-name: " + quote(name) + " is no name of a host",
                         "the name alone, without scheme and port", Exit::usage);
    std::vector<std::string> names = more;
    if (const std::string own = host_name(); !own.empty()) names.push_back(own);
    return HostNames(std::move(names));
}

bool HostNames::has(std::string_view host) const {
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        return end != std::string_view::npos && is_address(AF_INET6, host.substr(1, end - 1));
    }
    std::string_view name = without_port(host);
    if (name.ends_with('.')) name.remove_suffix(1);
    return is_address(AF_INET, name) || is_same_name(name, "localhost") ||
           std::ranges::any_of(names_,
                               [&](const std::string &one) { return is_same_name(name, one); });
}

std::optional<Reply> HostNames::refuse(const Request &request) const {
    // A browser always sends the header, and cannot use a unix socket.
    if (request.reached == Reached::unix_socket || !request.host) return std::nullopt;
    if (is_open(request) || has(*request.host)) return std::nullopt;
    return text_reply(421, quote(*request.host) +
                               " is no name of this host: ask by its address, as localhost or by "
                               "its host name, or begin the exporter with --host-name\n");
}

}  // namespace pm::exporter
