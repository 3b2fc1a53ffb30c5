// SPDX-License-Identifier: Apache-2.0
#include "policy/language/read.h"

#include <netinet/in.h>

#include <algorithm>

#include "policy/language/words.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

using test::TemporaryFolder;

const std::string head =
    "policy: site\n"
    "edge: { access: 203.0.113.10, internal: interface }\n"
    "peers: { partners: 198.51.100.0/24, mdns: 224.0.0.251, gone: none }\n"
    "ports: { media: [50000-59999, 443, 444] }\n";

ReadResult read(const std::string &text) {
    return read_policy_text(text, "policy.yaml", {});
}

Policy policy_of(const std::string &text) {
    auto result = read(text);
    EXPECT_TRUE(result.policy) << render(result.diagnostics, false);
    return result.policy.value_or(Policy{});
}

Row row_of(const std::string &fields) {
    const auto policy = policy_of(head + "matrix:\n  - { id: a, " + fields + " }\n");
    EXPECT_EQ(policy.rows.size(), 1U);
    return policy.rows.empty() ? Row{} : policy.rows[0];
}

TEST(Read, RowInAndOut) {
    const Row in = row_of(
        "role: Access, protocol: SIP, transport: tcp, source: partners, destination: access, port: 5061, notes: x");
    EXPECT_EQ(in.direction, Direction::in);
    EXPECT_EQ(in.section, Section::matrix);
    EXPECT_EQ(in.role, "Access");
    EXPECT_EQ(in.protocol, "SIP");
    EXPECT_EQ(in.notes, "x");
    EXPECT_EQ(in.transports, std::vector<std::uint8_t>{IPPROTO_TCP});
    EXPECT_EQ(in.port, (Ports{{5061, 5061}}));
    EXPECT_EQ(in.source_port, any_port);
    EXPECT_EQ(in.where.line, 6);

    const Row out = row_of(
        "transport: udp, source: access, destination: any, port: [media, 3478], source-port: media");
    EXPECT_EQ(out.direction, Direction::out);
    EXPECT_EQ(out.port, (Ports{{443, 444}, {3478, 3478}, {50000, 59999}}));
    EXPECT_EQ(out.source_port, (Ports{{443, 444}, {50000, 59999}}));
    EXPECT_EQ(out.port_text, "[media, 3478]");
}

TEST(Read, MulticastDestinationIsInbound) {
    EXPECT_EQ(row_of("transport: udp, source: any, destination: mdns, port: 5353").direction,
              Direction::in);
    EXPECT_EQ(row_of("transport: udp, source: access, destination: mdns, port: 5353").direction,
              Direction::out);
    EXPECT_EQ(row_of("transport: udp, source: any, destination: gone, port: 5353").direction,
              Direction::in);
}

TEST(Read, TransportsWithoutPorts) {
    const Row row =
        row_of("transport: [icmp, icmpv6, 47, 255], source: any, destination: internal");
    EXPECT_EQ(row.transports, (std::vector<std::uint8_t>{IPPROTO_ICMP, IPPROTO_ICMPV6, 47, 255}));
    EXPECT_TRUE(row.port.empty());
    EXPECT_TRUE(row.source_port.empty());
}

TEST(Read, CheckAndLimit) {
    const std::string fields = "transport: tcp, source: any, destination: access, port: any, ";
    const Row plain = row_of(fields + "check: { payload: tls }, limit: { new-flows: 50/s }");
    EXPECT_EQ(plain.check.payload, Check::Payload::tls);
    EXPECT_FALSE(plain.check.drop);
    EXPECT_EQ(plain.limit.flows, 50U);
    EXPECT_EQ(plain.limit.per_seconds, 1U);
    EXPECT_EQ(plain.limit.burst, 50U);
    EXPECT_FALSE(plain.limit.per_row);

    const Row full = row_of(
        fields +
        "check: { payload: sip, on-mismatch: drop }, limit: { new-flows: 30/min, burst: 5, per: row }");
    EXPECT_TRUE(full.check.drop);
    EXPECT_EQ(full.limit.per_seconds, 60U);
    EXPECT_EQ(full.limit.burst, 5U);
    EXPECT_TRUE(full.limit.per_row);
}

TEST(Read, DefaultsAndSettings) {
    const std::string row =
        "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: 1 }\n";
    const auto plain = policy_of(head + row);
    EXPECT_FALSE(plain.fragments_drop);
    EXPECT_EQ(plain.flow_capacity, 65536U);
    EXPECT_TRUE(plain.interfaces.empty());
    EXPECT_EQ(plain.file->name, "policy.yaml");
    EXPECT_FALSE(plain.handed_over_ipv6);
    const auto set = policy_of(
        head + row + "fragments: drop\nhanded-over-ipv6: accept\nflow-capacity: 16777216\n");
    EXPECT_TRUE(set.fragments_drop);
    EXPECT_TRUE(set.handed_over_ipv6);
    EXPECT_EQ(set.flow_capacity, 16777216U);
}

TEST(Read, FailsafeRowsComeFirst) {
    const auto policy = policy_of(
        head +
        "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: 1 }\n"
        "failsafe:\n  - { id: b, transport: tcp, source: any, destination: access, port: 2 }\n");
    ASSERT_EQ(policy.rows.size(), 2U);
    EXPECT_EQ(policy.rows[0].id, "b");
    EXPECT_EQ(policy.rows[0].section, Section::failsafe);
    EXPECT_EQ(policy.rows[1].id, "a");
}

TEST(Read, AliasesArePlacedWithTheirRoles) {
    const auto policy = policy_of(
        "policy: site\ninterfaces: { eth0: [access, moved], eth1: internal }\n"
        "edge: { access: 192.0.2.1, av: webconf, webconf: access, moved: internal, internal: 192.0.2.2 }\n"
        "matrix:\n  - { id: a, transport: tcp, source: any, destination: av, port: 1 }\n");
    for (const auto *role : {"access", "av", "webconf", "moved"}) {
        EXPECT_TRUE(is_placed(policy, role, "eth0")) << role;
        EXPECT_FALSE(is_placed(policy, role, "eth1")) << role;
    }
    EXPECT_TRUE(is_placed(policy, "internal", "eth1"));
    EXPECT_EQ(policy.roles.at("av").addresses, policy.roles.at("access").addresses);
}

TEST(Read, ExpectationWithoutTransportHoldsForEach) {
    const auto policy =
        policy_of(head +
                  "matrix:\n  - { id: a, transport: [47, 50], source: any, destination: access }\n"
                  "expect:\n  - { from: 198.51.100.1, to: access, verdict: drop }\n"
                  "  - { from: access, to: \"2001:db8::1\", source-port: media, verdict: drop }\n"
                  "  - { from: \"2001:db8::1\", to: access, verdict: drop }\n");
    std::vector<int> transports;
    for (const auto &each : policy.expect) transports.push_back(each.transport);
    EXPECT_EQ(transports, (std::vector<int>{6, 17, 1, 47, 50, 6, 17, 6, 17, 58, 47, 50}));
    EXPECT_EQ(policy.expect[0].port, any_port);
    EXPECT_TRUE(policy.expect[2].port.empty());
    EXPECT_EQ(policy.expect[5].source_port.size(), 2U);
    EXPECT_EQ(policy.expect[5].from_role, "access");
}

TEST(Read, MissingRequiredReturnsThePolicyToo) {
    const std::string text =
        "policy: a\nedge: { access: required }\n"
        "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: 1 }\n";
    const auto result = read(text);
    EXPECT_EQ(result.diagnostics.errors(), 1);
    ASSERT_TRUE(result.policy);
    EXPECT_EQ(result.policy->rows.size(), 1U);

    const auto worse = read(text + "block: [nobody]\n");
    EXPECT_EQ(worse.diagnostics.errors(), 2);
    EXPECT_FALSE(worse.policy);
}

TEST(Read, UnusedNamesOfThePolicyItselfAreWarnings) {
    const TemporaryFolder folder;
    folder.write("base.yaml", "peers: { spare: any }\n");
    folder.write(
        "site.yaml",
        "include: [base.yaml]\n" + head +
            "matrix:\n  - { id: a, transport: tcp, source: any, destination: access, port: 1 }\n");
    const auto result = folder.read("site.yaml");
    ASSERT_TRUE(result.policy) << render(result.diagnostics, false);
    std::vector<std::string> messages;
    for (const auto &finding : result.diagnostics.all()) messages.push_back(finding.message);
    EXPECT_EQ(messages, (std::vector<std::string>{
                            "role 'internal' is not used", "peer set 'gone' is not used",
                            "peer set 'mdns' is not used", "peer set 'partners' is not used",
                            "port set 'media' is not used"}));
}

TEST(Scalars, PortsAreMerged) {
    EXPECT_EQ(merge_ports({{5, 9}, {1, 2}, {3, 4}, {8, 12}, {65535, 65535}, {20, 20}}),
              (Ports{{1, 12}, {20, 20}, {65535, 65535}}));
    EXPECT_EQ(parse_port_range("1-65535").value(), (PortRange{1, 65535}));
    EXPECT_EQ(parse_port_range("7-7").value(), (PortRange{7, 7}));
}

}  // namespace
}  // namespace pm
