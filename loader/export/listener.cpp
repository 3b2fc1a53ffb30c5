// SPDX-License-Identifier: Apache-2.0
#include "loader/export/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include "loader/export/endpoint.h"

namespace pm::exporter {
namespace {

constexpr int backlog = 4096;
constexpr const char *unix_prefix = "unix:";

Result<Fd> listen_at(const sockaddr *address, socklen_t size, const std::string &where) {
    Fd socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return cannot("make a socket", errno);
    const int on = 1;
    if (address->sa_family != AF_UNIX)
        setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6)
        setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(socket.get(), address, size) != 0 || listen(socket.get(), backlog) != 0)
        return cannot(fmt::format("listen on {}", where), errno);
    return socket;
}

Result<std::vector<Fd>> listen_unix(const std::string &path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return fault(fmt::format("--listen: the path '{}' is empty or longer than {} bytes", path,
                                 sizeof(address.sun_path) - 1),
                     {}, Exit::usage);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    struct stat status;
    if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
    auto socket = listen_at(reinterpret_cast<const sockaddr *>(&address), sizeof(address),
                            unix_prefix + path);
    if (!socket) return tl::unexpected(socket.error());
    std::vector<Fd> sockets;
    sockets.push_back(std::move(*socket));
    return sockets;
}

Result<Fd> listen_inet(const std::string &host, const std::string &port) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0)
        return fault(fmt::format("--listen: '{}' is no address", host),
                     "such as 127.0.0.1:9927, [::1]:9927 or unix:/run/portmatrix/export.sock",
                     Exit::usage);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> release(found, freeaddrinfo);
    return listen_at(found->ai_addr, found->ai_addrlen, fmt::format("{} port {}", host, port));
}

}  // namespace

Result<std::vector<Fd>> listen_on(const std::string &where) {
    if (where.starts_with(unix_prefix)) return listen_unix(where.substr(std::strlen(unix_prefix)));
    auto end = parse_endpoint(where);
    if (!end)
        return fault(fmt::format("--listen: '{}' is no ADDR:PORT", where),
                     "such as 127.0.0.1:9927, [::1]:9927, 9927 for loopback, or unix:PATH",
                     Exit::usage);
    std::vector<Fd> sockets;
    if (!end->host.empty()) {
        auto socket = listen_inet(end->host, end->port);
        if (!socket) return tl::unexpected(socket.error());
        sockets.push_back(std::move(*socket));
        return sockets;
    }
    Fault last;
    for (const char *loopback : {"127.0.0.1", "::1"}) {  // a host may lack one of the families
        auto socket = listen_inet(loopback, end->port);
        if (socket)
            sockets.push_back(std::move(*socket));
        else
            last = socket.error();
    }
    if (sockets.empty()) return tl::unexpected(last);
    return sockets;
}

Result<std::vector<Fd>> inherited_listeners() {
    const int count = sd_listen_fds(1);
    if (count < 0) return cannot("take over sockets", count);
    std::vector<Fd> sockets;
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return fault(fmt::format("descriptor {} is no listening stream socket", fd),
                         "the socket unit needs ListenStream=");
        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
            return cannot("prepare a socket", errno);
        sockets.emplace_back(fd);
    }
    return sockets;
}

}  // namespace pm::exporter
