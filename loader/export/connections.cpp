// SPDX-License-Identifier: Apache-2.0
#include "loader/export/connections.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace pm::exporter {

Connections::Peer Connections::peer_of(const sockaddr *address) {
    Peer peer = {};
    peer[0] = static_cast<unsigned char>(address->sa_family);
    if (address->sa_family == AF_INET)
        std::memcpy(&peer[1], &reinterpret_cast<const sockaddr_in *>(address)->sin_addr, 4);
    else if (address->sa_family == AF_INET6)
        std::memcpy(&peer[1], &reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr, 8);
    return peer;
}

void Connections::shut(Connection &connection) {
    connection.shut = true;
    shutdown(connection.fd, SHUT_RDWR);
}

// False: there was no room, and a connection was shut.
bool Connections::make_room(const Peer &peer) {
    std::size_t open = 0, of_one = 0;
    for (const Connection &one : all_) {
        if (one.shut) continue;
        open++;
        if (one.peer == peer) of_one++;
    }
    const bool one_has_too_many = of_one >= most_of_one && peer[0] != AF_UNIX;
    if (open < most && !one_has_too_many) return true;

    Connection *oldest = nullptr;
    for (Connection &one : all_) {
        if (one.shut || (one_has_too_many && one.peer != peer)) continue;
        if (!oldest) oldest = &one;
        if (one.asked) continue;
        oldest = &one;
        break;
    }
    if (oldest) shut(*oldest);
    return false;
}

bool Connections::add(int fd, const Peer &peer) {
    const std::lock_guard lock(mutex_);
    const bool room = make_room(peer);
    all_.push_back({.fd = fd, .peer = peer, .since = std::chrono::steady_clock::now()});
    return room;
}

void Connections::note_request(int fd) {
    const std::lock_guard lock(mutex_);
    for (Connection &one : all_)
        if (one.fd == fd) one.asked = true;
}

void Connections::remove(int fd) {
    const std::lock_guard lock(mutex_);
    all_.remove_if([&](const Connection &one) { return one.fd == fd; });
}

void Connections::close_old() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    for (Connection &one : all_) {
        if (now - one.since < longest) break;
        if (!one.shut) shut(one);
    }
}

}  // namespace pm::exporter
