// SPDX-License-Identifier: Apache-2.0
// Which connections count as SSH sessions, by what /proc and the kernel say of them.
#include "loader/host/ssh_sessions.h"

#include <gmock/gmock.h>

namespace pm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t listening_inode = 100, connection_inode = 200, pipe_of_it = 300,
                        its_end = 400, listeners_end = 401;
constexpr int listener_id = 10, session_id = 20;
constexpr std::uint32_t alice = 1000;

TcpSocket tcp_socket(std::uint16_t port, std::uint32_t inode) {
    TcpSocket made;
    made.local_port = port;
    made.inode = inode;
    return made;
}

// An sshd that listens, and a process of it that has one connection.
struct SshServer {
    explicit SshServer(std::uint16_t port = 2222) {
        facts.listening = {tcp_socket(port, listening_inode)};
        facts.established = {tcp_socket(port, connection_inode)};
        facts.processes = {
            {.id = listener_id, .parent = 1, .sockets = {listening_inode}},
            {.id = session_id, .parent = listener_id, .sockets = {connection_inode}}};
        facts.peers.emplace();
    }
    SshdProcess &listener() { return facts.processes[0]; }
    SshdProcess &session() { return facts.processes[1]; }
    void log_in(std::uint32_t user) {
        facts.processes.push_back({.id = session_id + 1,
                                   .parent = session_id,
                                   .user = user,
                                   .sockets = {connection_inode}});
    }
    // "yes", "unknown" of each that counts
    std::vector<std::string> told() const {
        std::vector<std::string> words;
        for (const SshSession &one : ssh_sessions_of(facts))
            words.push_back(one.is_told ? "yes" : "unknown");
        return words;
    }

    SshFacts facts;
};

TEST(SshSessions, RootHasLoggedInByAProcessWithoutAnother) {
    const SshServer server;
    ASSERT_THAT(server.told(), ElementsAre("yes"));
    EXPECT_THAT(ssh_sessions_of(server.facts)[0].users, ElementsAre(0u));
}

TEST(SshSessions, AUserHasAProcessBesideThatOfRoot) {
    SshServer server;
    server.log_in(alice);
    ASSERT_THAT(server.told(), ElementsAre("yes"));
    EXPECT_THAT(ssh_sessions_of(server.facts)[0].users, ElementsAre(alice));
}

TEST(SshSessions, WhoHasNotLoggedInIsWaitedForByAPipe) {
    SshServer server;
    server.session().written_pipes = {pipe_of_it};
    server.listener().read_pipes = {pipe_of_it, pipe_of_it + 1};
    EXPECT_THAT(server.told(), IsEmpty());
    // As the child of before the log-in, which has another user already.
    server.log_in(104);
    EXPECT_THAT(server.told(), IsEmpty());
}

// What both write their messages to, or another process reads.
TEST(SshSessions, AnotherPipeSaysNothing) {
    SshServer server;
    server.session().written_pipes = {pipe_of_it};
    server.listener().written_pipes = {pipe_of_it};
    EXPECT_THAT(server.told(), ElementsAre("yes"));
    server.listener().read_pipes = {pipe_of_it + 1};
    EXPECT_THAT(server.told(), ElementsAre("yes"));
}

// OpenSSH 10.
TEST(SshSessions, WhoHasNotLoggedInIsWaitedForByAPairOfSockets) {
    SshServer server;
    server.session().sockets.insert(its_end);
    server.listener().sockets.insert(listeners_end);
    EXPECT_THAT(server.told(), ElementsAre("yes"));
    (*server.facts.peers)[its_end] = listeners_end;
    EXPECT_THAT(server.told(), IsEmpty());
    server.listener().sockets.erase(listeners_end);  // the pair of somebody else
    EXPECT_THAT(server.told(), ElementsAre("yes"));
}

TEST(SshSessions, WherePairsAreNotToldItIsUnknown) {
    SshServer server;
    server.facts.peers.reset();
    EXPECT_THAT(server.told(), ElementsAre("unknown"));
}

TEST(SshSessions, WithoutAListenerItIsUnknownAndCounts) {
    SshServer server(22);
    server.session().parent = 1;  // inetd, or the listener was started anew
    EXPECT_THAT(server.told(), ElementsAre("unknown"));
    server.facts.processes.clear();  // another server, on the usual port
    EXPECT_THAT(server.told(), ElementsAre("unknown"));
    EXPECT_THAT(ssh_sessions_of(server.facts)[0].users, IsEmpty());
}

TEST(SshSessions, WhatNobodyHasAcceptedIsNone) {
    SshServer server(22);
    server.facts.processes.pop_back();
    server.facts.established[0].inode = 0;
    EXPECT_THAT(server.told(), IsEmpty());
}

}  // namespace
}  // namespace pm
