// SPDX-License-Identifier: Apache-2.0
// HTTP by libmicrohttpd, with two threads:
//
//   ours            serve(): accepts on all sockets, hands each connection to the library, and
//                   closes connections when there are too many (connections.h)
//   the library's   reads requests, calls the handler, writes replies, closes descriptors
//
// We accept ourselves, for the library's own limits refuse newcomers when it is full, which is what
// an attacker wants. A connection carries one request.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/fault.h"
#include "loader/export/connections.h"
#include "policy/base/fd.h"

struct MHD_Daemon;

namespace pm::exporter {

// Over what a request came.
enum class Reached { loopback, network, unix_socket };

struct Request {
    std::string path;
    std::optional<std::string> host;  // its Host header
    Reached reached = Reached::loopback;
};

struct Reply {
    unsigned status = 200;
    const char *type = "text/plain; charset=utf-8";
    std::shared_ptr<const std::string> body;  // shared with answers to others
};
Reply text_reply(unsigned status, std::string body, const char *type = "text/plain; charset=utf-8");

class Server {
public:
    // Answers a GET. Called by the library's thread only.
    using Handler = std::function<Reply(const Request &request)>;

    static Result<std::unique_ptr<Server>> start(std::vector<Fd> listeners, Handler handler);
    Server(const Server &) = delete;  // the library's thread has its address
    Server &operator=(const Server &) = delete;
    ~Server();

    // Accepts until the descriptor `end` is readable.
    void serve(int end);

    // For the callbacks of the library.
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
    std::unique_ptr<MHD_Daemon, Stop> daemon_;  // the last: its thread uses the others
};

}  // namespace pm::exporter
