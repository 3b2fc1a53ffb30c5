// SPDX-License-Identifier: Apache-2.0
// Who is connected, and who must go: so many in all, so many from one address, so long each. Room
// is made by closing the oldest that has not asked anything yet, so that whoever comes and asks at
// once is served, whatever others hold open. Its methods may be called from any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <list>
#include <mutex>

namespace pm::exporter {

class Connections {
public:
    static constexpr std::size_t most = 512, most_of_one = 128;
    static constexpr std::chrono::seconds longest{10};

    // Of one IPv4 address, one IPv6 /64, or of the unix sockets.
    using Peer = std::array<unsigned char, 9>;
    static Peer peer_of(const sockaddr *address);

    // False: another had to go for it.
    bool add(int fd, const Peer &peer);
    void asked(int fd);   // has sent a request
    void remove(int fd);  // before it is closed
    void close_old();

private:
    struct Connection {
        int fd;
        Peer peer;
        std::chrono::steady_clock::time_point since;
        bool asked = false;
        bool shut = false;  // its owner will close it
    };
    static void shut(Connection &connection);
    bool make_room(const Peer &peer);

    std::mutex mutex_;
    std::list<Connection> all_;  // oldest first
};

}  // namespace pm::exporter
