// SPDX-License-Identifier: Apache-2.0
// HTTP over libmicrohttpd. One thread accepts on all sockets and keeps the number of connections
// down (connections.h), one thread of the library's reads requests and writes replies; each
// connection carries one request.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/export/connections.h"
#include "policy/base/fd.h"

struct MHD_Daemon;

namespace pm::exporter {

// On which side a connection came.
enum class Reached { loopback, network, unix_socket };

struct Request {
    std::string path;
    std::optional<std::string> host;  // its Host header
    Reached reached = Reached::loopback;
};

struct Reply {
    unsigned status = 200;
    const char *type = "text/plain; charset=utf-8";
    std::shared_ptr<const std::string> body;
};

class Server {
public:
    // Of a GET. Called by one thread at a time.
    using Handler = std::function<Reply(const Request &request)>;

    static Result<std::unique_ptr<Server>> start(std::vector<Fd> listeners, Handler handler);
    ~Server();

    // Accepts until `end` is readable.
    void serve(int end);

    Reply answer(const Request &request) const { return handler_(request); }
    Connections &connections() { return connections_; }

private:
    struct Stop {
        void operator()(MHD_Daemon *daemon) const;
    };
    Server(std::vector<Fd> listeners, Handler handler)
        : listeners_(std::move(listeners)), handler_(std::move(handler)) {}
    void accept_from(int listener);

    std::vector<Fd> listeners_;
    Handler handler_;
    Connections connections_;
    std::unique_ptr<MHD_Daemon, Stop> daemon_;
};

}  // namespace pm::exporter
