// SPDX-License-Identifier: Apache-2.0
// What the lock-out guard tells the user to write.
#include "loader/update/session_text.h"

#include <gmock/gmock.h>

#include "policy/language/read.h"
#include "tests/support/addresses.h"

namespace pm {
namespace {

using test::address;
using testing::ElementsAre;

constexpr const char *edge_address = "203.0.113.10";

Policy policy_of_rows(const std::string &rows) {
    ReadResult result = read_policy_text(
        "policy: test\nedge: { access: 203.0.113.10, host: interface }\n"
        "peers: { admins: none, carriers: 198.51.100.0/24, all: any }\n" +
            rows,
        "test", {});
    EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
    return std::move(*result.policy);
}

DroppedFlow dropped_flow(const char *peer, std::uint16_t port = 22) {
    return {.first = {.from = address(peer),
                      .to = address(edge_address),
                      .from_port = 40000,
                      .to_port = port,
                      .transport = PM_PROTO_TCP,
                      .direction = Direction::in,
                      .interface = 0},
            .interface = "eth0",
            .reason = PM_DROP_NO_ROW,
            .tunnel = ""};
}

CutSession cut_session(const char *peer, std::vector<std::string> users, std::uint16_t port = 22) {
    return {.peer = address(peer),
            .users = std::move(users),
            .is_told = true,
            .dropped = {dropped_flow(peer, port)}};
}

const std::string ssh_failsafe =
    "failsafe:\n  - { id: ssh, transport: tcp, source: admins, destination: host, port: 22 }\n";
const std::string web_row =
    "matrix:\n  - { id: web, transport: tcp, source: all, destination: access, port: 443 }\n";

TEST(SessionText, SessionsOfOneAddressAreOneLineWithItsRow) {
    const Policy policy = policy_of_rows(ssh_failsafe + web_row);
    const std::vector<CutSession> cut{cut_session("198.51.100.7", {"root"}),
                                      cut_session("192.0.2.4", {"bob"}),
                                      cut_session("198.51.100.7", {"alice"})};
    EXPECT_EQ(cuts_text(cut),
              "cut 3 SSH sessions of this host, from 198.51.100.7 (no-row), 192.0.2.4 (no-row)");
    EXPECT_THAT(cut_lines(cut, &policy),
                ElementsAre("1 session from 192.0.2.4 (bob): add 192.0.2.4 to the set 'admins' of "
                            "row 'ssh'",
                            "2 sessions from 198.51.100.7 (alice, root): add 198.51.100.7 to the "
                            "set 'admins' of row 'ssh'"));
}

TEST(SessionText, WhereNoRowFitsItIsWritten) {
    const Policy policy = policy_of_rows(ssh_failsafe + web_row);
    EXPECT_THAT(
        cut_lines(
            {cut_session("198.51.100.7", {"root"}, 2222), cut_session("2001:db8::7", {}, 2222)},
            &policy),
        ElementsAre("1 session from 198.51.100.7 (root): write the row below for 198.51.100.7",
                    "1 session from 2001:db8::7: write the row below for 2001:db8::7",
                    "under peers:    ssh-peers: [198.51.100.7, \"2001:db8::7\"]",
                    "under failsafe: - { id: ssh-in, transport: tcp, source: ssh-peers, "
                    "destination: access, port: 2222 }"));
}

// Neither a row of the matrix nor a row for other ports of the peer lets a banned address pass.
TEST(SessionText, AgainstABanARowOfTheMatrixDoesNotHelp) {
    const Policy policy = policy_of_rows(
        "matrix:\n  - { id: ssh, transport: tcp, source: admins, destination: host, port: 22 }\n");
    CutSession banned = cut_session("198.51.100.7", {"root"});
    EXPECT_THAT(cut_lines({banned}, &policy),
                ElementsAre(testing::HasSubstr("the set 'admins' of row 'ssh'")));
    banned.dropped[0].reason = PM_DROP_BANNED;
    EXPECT_THAT(cut_lines({banned}, &policy),
                ElementsAre(testing::HasSubstr("write the row below"),
                            "under peers:    ssh-peers: [198.51.100.7]",
                            testing::HasSubstr("under failsafe: - { id: ssh-in,")));
}

TEST(SessionText, ATunnelIsKeptByRowsForItsOwnPackets) {
    const Policy policy = policy_of_rows(
        "matrix:\n  - { id: vxlan, transport: udp, source: carriers, destination: access, port: "
        "4789 }\n");
    CutSession inside = cut_session("10.9.0.2", {"root"});
    DroppedFlow in = dropped_flow("192.0.2.9", 4789), out = in;
    in.first.transport = out.first.transport = PM_PROTO_UDP;
    in.tunnel = out.tunnel = "vxlan0";
    std::swap(out.first.from, out.first.to);
    out.first.direction = Direction::out;
    inside.dropped = {in, out};
    EXPECT_THAT(cut_lines({inside}, &policy),
                ElementsAre("1 session from 10.9.0.2 (root) inside the tunnel vxlan0: add "
                            "192.0.2.9 to the set 'carriers' of row 'vxlan', and write the row "
                            "below for 192.0.2.9",
                            "under peers:    tunnel-peers: [192.0.2.9]",
                            "under failsafe: - { id: tunnel-out, transport: udp, source: access, "
                            "destination: tunnel-peers, port: 4789 }"));
}

TEST(SessionText, WhatCannotBeToldIsSaid) {
    CutSession unknown = cut_session("198.51.100.7", {});
    unknown.is_told = false;
    EXPECT_THAT(cut_lines({unknown}, nullptr),
                ElementsAre("1 session from 198.51.100.7 (whether anybody has logged in cannot be "
                            "told): write the row below for 198.51.100.7",
                            "no role has 203.0.113.10: list it under edge, in place of ROLE",
                            testing::HasSubstr("ssh-peers"), testing::HasSubstr("ROLE")));
    EXPECT_THAT(unknown_tunnel_lines({{address("10.8.0.2"), "tun0", "tun"}}),
                ElementsAre(testing::HasSubstr("from 10.8.0.2 runs inside tun0 (tun)")));
}

TEST(SessionText, ManyAddressesAreCutShort) {
    const Policy policy = policy_of_rows(ssh_failsafe + web_row);
    std::vector<CutSession> cut;
    for (int i = 0; i < 20; ++i)
        cut.push_back(cut_session(("192.0.2." + std::to_string(i)).c_str(), {"root"}));
    EXPECT_TRUE(cuts_text(cut).ends_with(", ..."));
    const auto lines = cut_lines(cut, &policy);
    EXPECT_EQ(lines.size(), 9u);
    EXPECT_EQ(lines.back(), "and 12 more");
}

}  // namespace
}  // namespace pm
