// SPDX-License-Identifier: Apache-2.0
#include "loader/export/server.h"

#include <netinet/in.h>
#include <poll.h>
#include <time.h>

#include <cerrno>
#include <cstring>

#include <microhttpd.h>

namespace pm::exporter {
namespace {

constexpr unsigned idle_seconds = 5;
constexpr std::size_t request_bytes = 16384;  // headers included
// The pause after a connection that had no room: the library's thread gets time to answer others.
constexpr timespec breath = {0, 100'000};

struct Header {
    const char *name, *value;
};
// The page may run its own script and style and ask this server, and nothing else.
constexpr Header headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
    {"Connection", "close"},
};

int fd_of(MHD_Connection *connection) {
    const MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

Reached reached_by(int fd) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    if (getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        return Reached::loopback;
    if (address.ss_family == AF_UNIX) return Reached::unix_socket;
    if (address.ss_family == AF_INET) {
        const auto &at = reinterpret_cast<const sockaddr_in &>(address).sin_addr;
        return ntohl(at.s_addr) >> 24 == IN_LOOPBACKNET ? Reached::loopback : Reached::network;
    }
    const auto &at = reinterpret_cast<const sockaddr_in6 &>(address).sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&at) && at.s6_addr[12] == IN_LOOPBACKNET;
    return mapped || IN6_IS_ADDR_LOOPBACK(&at) ? Reached::loopback : Reached::network;
}

Request request_of(MHD_Connection *connection, const char *path) {
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    return {.path = path,
            .host = host ? std::optional<std::string>(host) : std::nullopt,
            .reached = reached_by(fd_of(connection))};
}

using Body = std::shared_ptr<const std::string>;

void release_body(void *body) {
    delete static_cast<Body *>(body);
}

MHD_Result send_reply(MHD_Connection *connection, const Reply &reply) {
    auto body = std::make_unique<Body>(reply.body);
    // The library asks for a pointer to what it may change, but only reads.
    void *bytes = const_cast<char *>((*body)->data());
    MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        (*body)->size(), bytes, release_body, body.get());
    if (!response) return MHD_NO;
    (void)body.release();  // release_body() deletes it
    for (const Header &header : headers)
        MHD_add_response_header(response, header.name, header.value);
    MHD_add_response_header(response, "Content-Type", reply.type);
    if (reply.status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    const MHD_Result queued = MHD_queue_response(connection, reply.status, response);
    MHD_destroy_response(response);
    return queued;
}

MHD_Result on_request(void *server, MHD_Connection *connection, const char *path,
                      const char *method, const char *, const char *, size_t *, void **) {
    auto *self = static_cast<Server *>(server);
    self->connections().note_request(fd_of(connection));
    if (std::strcmp(method, "GET") != 0 && std::strcmp(method, "HEAD") != 0)
        return send_reply(connection,
                          text_reply(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n"));
    return send_reply(connection, self->answer(request_of(connection, path)));
}

void on_connection(void *server, MHD_Connection *connection, void **,
                   MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        static_cast<Server *>(server)->connections().remove(fd_of(connection));
}

// The library's log: hostile clients could fill the journal with it.
void say_nothing(void *, const char *, va_list) {}

}  // namespace

Reply text_reply(unsigned status, std::string body, const char *type) {
    return {.status = status,
            .type = type,
            .body = std::make_shared<const std::string>(std::move(body))};
}

void Server::Stop::operator()(MHD_Daemon *daemon) const {
    MHD_stop_daemon(daemon);
}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(std::vector<Fd> listeners, Handler handler) {
    std::unique_ptr<Server> server(new Server(std::move(listeners), std::move(handler)));
    server->daemon_.reset(MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_USE_ERROR_LOG,
        0, nullptr, nullptr, on_request, server.get(),     //
        MHD_OPTION_EXTERNAL_LOGGER, say_nothing, nullptr,  //
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server.get(), MHD_OPTION_CONNECTION_LIMIT,
        unsigned{4 * Connections::most}, MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, request_bytes, MHD_OPTION_END));
    if (!server->daemon_) return cannot("start the HTTP server", errno);
    return server;
}

void Server::accept_from(int listener) {
    for (int count = 0; count < 64; ++count) {
        sockaddr_storage address = {};
        socklen_t size = sizeof(address);
        auto *at = reinterpret_cast<sockaddr *>(&address);
        const int fd = accept4(listener, at, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EAGAIN)
                nanosleep(&breath, nullptr);  // no descriptor is free, or the client has left
            return;
        }
        const bool room = connections_.add(fd, Connections::peer_of(at));
        // The library closes the descriptor, also if it fails.
        if (MHD_add_connection(daemon_.get(), fd, at, size) != MHD_YES) connections_.remove(fd);
        if (!room) nanosleep(&breath, nullptr);
    }
}

void Server::serve(int end) {
    std::vector<pollfd> waits = {{end, POLLIN, 0}};
    for (const Fd &listener : listeners_) waits.push_back({listener.get(), POLLIN, 0});
    while (waits[0].revents == 0) {
        poll(waits.data(), waits.size(), 1000);
        for (std::size_t i = 1; i < waits.size(); ++i)
            if (waits[i].revents != 0) accept_from(waits[i].fd);
        connections_.close_old();
    }
}

}  // namespace pm::exporter
