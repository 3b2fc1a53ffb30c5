// SPDX-License-Identifier: Apache-2.0
// Keeps the number of connections down: how many in all, how many from one peer, how long each.
// Where there is no room for a newcomer, the oldest connection that has not sent a request yet is
// closed. If all have sent one, the oldest of all is closed.
// So a client that asks at once is served, however many connections others hold open.
//
// The accepting thread adds connections and closes the old ones, libmicrohttpd's thread notes
// requests and removes connections: a mutex guards the list.
#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>

namespace pm::exporter {

class Connections {
public:
    static constexpr std::size_t most = 512, most_of_one = 128;
    static constexpr std::chrono::seconds longest{10};

    // One IPv4 address, one IPv6 /64, or all that come over unix sockets.
    using Peer = std::array<unsigned char, 9>;
    static Peer peer_of(const sockaddr *address);

    // False: there was no room, and another connection was shut for it.
    bool add(int fd, const Peer &peer);
    void note_request(int fd);  // has sent a request
    void remove(int fd);        // before it is closed
    void close_old();           // those that are open for `longest`

private:
    struct Connection {
        int fd;
        Peer peer;
        std::chrono::steady_clock::time_point since;
        bool asked = false;
        bool shut = false;  // by us; libmicrohttpd sees that and closes the descriptor
    };
    static void shut(Connection &connection);
    bool make_room(const Peer &peer);

    std::mutex mutex_;
    std::list<Connection> all_;  // oldest first
};

}  // namespace pm::exporter
