// SPDX-License-Identifier: Apache-2.0
// What a policy says of a ban.
#include "loader/update/ban_policy.h"

#include <gmock/gmock.h>

#include "policy/language/read.h"
#include "policy/model/diff.h"
#include "policy/model/print.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

const std::string ban_policy_text =
    "policy: test\nedge: { access: 203.0.113.10 }\n"
    "peers: { carriers: [198.51.100.0/25, 198.51.100.200], one: 198.51.100.7, all: any }\n"
    "never-ban: [carriers]\n"
    "matrix:\n"
    "  - { id: sip, transport: udp, source: carriers, destination: access, port: 5060 }\n"
    "  - { id: sips, transport: tcp, source: carriers, destination: access, port: 5061 }\n"
    "  - { id: one-in, transport: tcp, source: one, destination: access, port: 80 }\n"
    "  - { id: web, transport: tcp, source: all, destination: access, port: 443 }\n";

Policy read_whole(const std::string &yaml) {
    ReadResult result = read_policy_text(yaml, "test", {});
    EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
    return std::move(*result.policy);
}

Prefix prefix_of(const char *word) {
    return parse_prefix(word).value();
}

TEST(BanPolicy, SetsAndRowsOfAPrefixAreNamed) {
    const Policy policy = read_whole(ban_policy_text);
    EXPECT_EQ(ban_text(policy, prefix_of("198.51.100.7")),
              "198.51.100.7 is in the sets 'carriers' (rows sip, sips), 'one' (row one-in)");
    EXPECT_EQ(ban_text(policy, prefix_of("198.51.100.0/24")),
              "198.51.100.0/24 overlaps the sets 'carriers' (rows sip, sips), 'one' (row one-in)");
    EXPECT_EQ(ban_text(policy, prefix_of("192.0.2.1")),
              "192.0.2.1 is in no set of the policy; open to any peer: row web");
}

TEST(BanPolicy, WhatOverlapsASetOfNeverBanIsRefused) {
    const Policy policy = read_whole(ban_policy_text);
    EXPECT_TRUE(check_never_ban(policy, {prefix_of("192.0.2.1"), prefix_of("198.51.100.201")}));
    const auto inside =
        check_never_ban(policy, {prefix_of("192.0.2.1"), prefix_of("198.51.100.7")});
    ASSERT_FALSE(inside);
    EXPECT_EQ(inside.error().message, "198.51.100.7 is in the set 'carriers' of never-ban");
    EXPECT_EQ(inside.error().exit, Exit::refused);
    const auto around = check_never_ban(policy, {prefix_of("198.51.100.192/26")});
    ASSERT_FALSE(around);
    EXPECT_EQ(around.error().message,
              "198.51.100.192/26 holds 198.51.100.200, which is in the set 'carriers' of "
              "never-ban");
}

TEST(BanPolicy, ABanOfBeforeIsWarnedOf) {
    const Policy policy = read_whole(ban_policy_text);
    const std::vector<Ban> bans = parse_bans("192.0.2.1 1 never\n198.51.100.7 1 never\n").value();
    EXPECT_FALSE(never_ban_warning(policy, {bans[0]}));
    EXPECT_EQ(never_ban_warning(policy, bans),
              "warning: 198.51.100.7 is in the set 'carriers' of never-ban, and it is banned: "
              "'portmatrix bans' lists all bans");
}

TEST(NeverBan, IsPrintedAndCompared) {
    const Policy policy = read_whole(ban_policy_text);
    EXPECT_EQ(read_whole(print(policy)).never_ban, (std::vector<std::string>{"carriers"}));
    Policy other = policy;
    other.never_ban.clear();
    EXPECT_NE(digest(other), digest(policy));
    const auto changes = diff(policy, other);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].name, "never-ban");
}

TEST(NeverBan, AddsUpWithThatOfIncludedFiles) {
    const test::TemporaryFolder folder;
    folder.write("base.yaml", ban_policy_text);
    folder.write("site.yaml", "policy: site\ninclude: [base.yaml]\nnever-ban: [one, carriers]\n");
    const ReadResult site = folder.read("site.yaml");
    ASSERT_TRUE(site.policy) << render(site.diagnostics, false);
    EXPECT_EQ(site.policy->never_ban, (std::vector<std::string>{"one", "carriers"}));
}

TEST(NeverBan, NamesAPeerSet) {
    for (const char *list : {"never-ban: nobody\n", "never-ban: access\n", "never-ban: []\n"})
        EXPECT_TRUE(read_policy_text(ban_policy_text.substr(0, ban_policy_text.find("never-ban")) +
                                         list +
                                         ban_policy_text.substr(ban_policy_text.find("matrix")),
                                     "test", {})
                        .diagnostics.has_errors())
            << list;
}

}  // namespace
}  // namespace pm
