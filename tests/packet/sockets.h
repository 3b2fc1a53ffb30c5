// SPDX-License-Identifier: Apache-2.0
// Sockets in the network namespace of the packet tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "policy/base/fd.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"

namespace pm::test {

// Runs in the network namespace of the tests. All that is set there ends with the process.
inline void ip(const std::string &command) {
    if (std::system(("ip " + command).c_str()) != 0)
        throw std::runtime_error("cannot run: ip " + command);
}

inline sockaddr_in endpoint(const char *address, int port) {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, address, &at.sin_addr);
    return at;
}

template <typename Call>
void on(const Fd &socket, Call call, const sockaddr_in &at) {
    if (call(socket.get(), reinterpret_cast<const sockaddr *>(&at), sizeof(at)))
        throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
}

inline Fd tcp_socket(const char *address, int port) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int on_ = 1;
    setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on_, sizeof(on_));
    on(socket, ::bind, endpoint(address, port));
    return socket;
}

// A connection between two addresses of this namespace. The programs have not seen its handshake.
class Sockets : public testing::Test {
protected:
    static void SetUpTestSuite() {
        ip("address replace 203.0.113.10/32 dev lo");
        ip("address replace 198.51.100.7/32 dev lo");
        ip("address replace 10.1.1.1/32 dev lo");
    }
    // For others these are not addresses of this host.
    static void TearDownTestSuite() {
        ip("address del 203.0.113.10/32 dev lo");
        ip("address del 198.51.100.7/32 dev lo");
        ip("address del 10.1.1.1/32 dev lo");
    }

    // If the listener waits for data (`waits` seconds), the handshake stays half-open: the ACK that
    // would complete it is deferred.
    void begin_connection(const char *peer, int port, int waits) {
        listener_ = tcp_socket("203.0.113.10", 5061);
        setsockopt(listener_.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &waits, sizeof(waits));
        if (::listen(listener_.get(), 4)) throw std::runtime_error("cannot listen");
        client_ = tcp_socket(peer, port);
        linger hard{.l_onoff = 1, .l_linger = 0};  // leave no TIME_WAIT to the next test
        setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        on(client_, ::connect, endpoint("203.0.113.10", 5061));
    }
    void connect(const char *peer, int port = 40000) {
        begin_connection(peer, port, 0);
        server_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }

    Fd listener_, client_, server_;
    Host host{mixed_policy()};
    World live{.socket = naive::Socket::live};
};

}  // namespace pm::test
