// SPDX-License-Identifier: Apache-2.0
#include "loader/export/host_names.h"

#include <arpa/inet.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <climits>

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
    return !text.empty() && std::all_of(text.begin(), text.end(), belongs);
}

bool is_same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Without what a port would be; it is not looked at, for a proxy or tunnel may have another.
std::string_view without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    if (colon == std::string_view::npos) return host;
    const std::string_view port = host.substr(colon + 1);
    const bool is_port =
        std::all_of(port.begin(), port.end(), [](unsigned char one) { return std::isdigit(one); });
    return is_port ? host.substr(0, colon) : host;
}

// Health is no secret. Prometheus may know a host by any name; to this host's own loopback it comes
// by none, but a browser does, through a tunnel.
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
    char own[HOST_NAME_MAX + 1] = {};
    if (gethostname(own, sizeof(own) - 1) == 0 && *own) names.emplace_back(own);
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
           std::any_of(names_.begin(), names_.end(),
                       [&](const std::string &one) { return is_same_name(name, one); });
}

std::optional<Reply> HostNames::refuse(const Request &request) const {
    // No browser comes over a unix socket, or without the header.
    if (request.reached == Reached::unix_socket || !request.host) return std::nullopt;
    if (is_open(request) || has(*request.host)) return std::nullopt;
    return Reply{421, "text/plain; charset=utf-8",
                 std::make_shared<const std::string>(
                     quote(*request.host) +
                     " is no name of this host: ask by its address, as localhost or by "
                     "its host name, or begin the exporter with --host-name\n")};
}

}  // namespace pm::exporter
