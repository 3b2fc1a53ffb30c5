// SPDX-License-Identifier: Apache-2.0
// The command line of explain: reading its arguments, finding the direction of a flow, and asking
// for the source port if it decides.
#include "loader/observe/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/transports.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

Result<Tuple> parse_tuple(const std::string &from, const std::string &to,
                          const std::string &protocol) {
    return parse_flow(from, to, protocol)
        .and_then([](const AskedFlow &asked) {
            return settle_flow(asked, {}, [](const std::string &role, Family) -> Result<Address> {
                return fault("no role " + role, {}, Exit::usage);
            });
        })
        .map([](const std::vector<Tuple> &tuples) { return tuples.front(); });
}

Tuple tuple_of(const std::string &from, const std::string &to, const std::string &protocol) {
    auto tuple = parse_tuple(from, to, protocol);
    EXPECT_TRUE(tuple) << tuple.error().message;
    return tuple.value_or(Tuple{});
}

Fault fault_of(const std::string &from, const std::string &to, const std::string &protocol) {
    auto tuple = parse_tuple(from, to, protocol);
    EXPECT_FALSE(tuple);
    return tuple ? Fault{} : tuple.error();
}

TEST(ParseTuple, TakesAddressesWithAndWithoutPorts) {
    const Tuple v4 = tuple_of("192.0.2.1:1024", "198.51.100.7:65535", "tcp");
    EXPECT_EQ(to_string(v4.from), "192.0.2.1");
    EXPECT_EQ(v4.from_port, 1024);
    EXPECT_EQ(v4.to_port, 65535);
    EXPECT_EQ(v4.transport, PM_PROTO_TCP);

    const Tuple v6 = tuple_of("2001:db8::1", "[2001:db8::2]:443", "udp");
    EXPECT_EQ(to_string(v6.from), "2001:db8::1");
    EXPECT_EQ(v6.from_port, std::nullopt);
    EXPECT_EQ(to_string(v6.to), "2001:db8::2");
    EXPECT_EQ(v6.to_port, 443);

    EXPECT_EQ(tuple_of("[2001:db8::1]", "2001:db8::2", "icmpv6").transport, PM_PROTO_ICMPV6);
    EXPECT_EQ(tuple_of("192.0.2.1", "192.0.2.2", "47").transport, 47);
}

TEST(ParseTuple, RefusesWhatIsNoTuple) {
    struct {
        const char *from, *to, *protocol, *message;
    } const cases[] = {
        {"192.0.2.1", "192.0.2.2:443", "tpc", "'tpc' is no protocol"},
        {"192.0.2.1", "192.0.2.2", "256", "'256' is no protocol"},
        {"192.0.2.1", "192.0.2.2", "tcp", "tcp needs a destination port"},
        {"192.0.2.1", "192.0.2.2:80", "icmp", "icmp has no ports"},
        {"192.0.2.1", "192.0.2.2:0", "tcp", "'0' is no port; ports are 1-65535"},
        {"192.0.2.1", "192.0.2.2:65536", "tcp", "'65536' is no port; ports are 1-65535"},
        {"192.0.2.1:", "192.0.2.2:80", "tcp", "'' is no port; ports are 1-65535"},
        {"192.0.2.1", "[2001:db8::1]:80", "tcp",
         "--from and --to are addresses of different families"},
        {"2001:db8::1", "[2001:db8::2]443", "tcp", "'[2001:db8::2]443' is no [ADDRESS]:PORT"},
    };
    for (const auto &one : cases) {
        const Fault fault = fault_of(one.from, one.to, one.protocol);
        EXPECT_EQ(fault.message, one.message);
        EXPECT_EQ(fault.exit, Exit::usage);
    }
    EXPECT_EQ(fault_of("host.example", "192.0.2.2:80", "tcp").exit, Exit::usage);
}

TEST(GuessDirection, GoesByWhoseAddressTheSourceIs) {
    const Tuple tuple = tuple_of("203.0.113.10", "198.51.100.7:443", "tcp");
    std::string note;
    EXPECT_EQ(guess_direction(
                  tuple, [&](const Address &a) { return a == tuple.from; }, note),
              Direction::out);
    EXPECT_EQ(note, "");
    EXPECT_EQ(guess_direction(
                  tuple, [&](const Address &a) { return a == tuple.to; }, note),
              Direction::in);
    EXPECT_EQ(note, "");
    EXPECT_EQ(guess_direction(
                  tuple, [](const Address &) { return false; }, note),
              Direction::in);
    EXPECT_THAT(note, testing::StartsWith("neither address is listed"));
    EXPECT_EQ(guess_direction(
                  tuple, [](const Address &) { return true; }, note),
              Direction::out);
    EXPECT_THAT(note, testing::StartsWith("both addresses are listed"));
}

// "NUMBER NAME", one a line; or the fault.
std::string asked(const test::PolicyBuilder &builder, const std::vector<std::string> &names,
                  const char *local) {
    const auto found = asked_interfaces(builder.policy, names, test::address(local));
    if (!found) return found.error().message;
    std::string text;
    for (const AskedInterface &one : *found)
        text += std::to_string(one.number) + " " + one.name + "\n";
    return text;
}

TEST(AskedInterfaces, AreThoseOfEveryRoleThatHasTheAddress) {
    test::PolicyBuilder b;
    b.role("access", {"203.0.113.10/32"}).role("internal", {"203.0.113.10/32"});
    b.role("inner", {"10.1.0.1/32"}).interface_role("host");
    b.place("eth0", {"access"}).place("eth1", {"internal", "inner"});
    b.place("eth2", {"access", "host"});
    EXPECT_EQ(asked(b, {}, "203.0.113.10"), "0 eth0\n1 eth1\n2 eth2\n");
    EXPECT_EQ(asked(b, {}, "10.1.0.1"), "1 eth1\n");
    EXPECT_EQ(asked(b, {}, "10.1.0.2"), "2 eth2\n");  // whatever arrives
    EXPECT_EQ(asked(b, {}, "224.0.0.251"), "0 eth0\n1 eth1\n2 eth2\n");
    EXPECT_EQ(asked(b, {"eth1"}, "203.0.113.10"), "1 eth1\n");
    EXPECT_EQ(asked(b, {"eth2", "eth0"}, "10.1.0.1"), "2 eth2\n0 eth0\n");
    EXPECT_EQ(asked(b, {"eth3"}, "203.0.113.10"), "the policy places no role on 'eth3'");
}

TEST(AskedInterfaces, AreAsGivenWhereThePolicyNamesNone) {
    test::PolicyBuilder b;
    b.role("access", {"203.0.113.10/32"});
    EXPECT_EQ(asked(b, {}, "203.0.113.10"), "0 \n");
    EXPECT_EQ(asked(b, {"eth0", "eth1"}, "203.0.113.10"), "0 eth0\n0 eth1\n");
}

// A policy where the source port decides about 198.51.100.0/24 alone.
class ExplainTest : public testing::Test {
protected:
    ExplainTest() {
        builder_.role("edge", {"203.0.113.10/32"})
            .peers("relays", {"198.51.100.0/24"})
            .any_peers("clients");
        builder_.row("web-in", {test::tcp}, "clients", "edge", {{443, 443}});
        builder_.row("relay-out", {test::tcp}, "edge", "relays", any_port, {{50000, 59999}});
        auto image = compile(builder_.policy);
        EXPECT_TRUE(image) << image.error();
        view_.emplace(image->bytes);
    }

    Result<Explanation> explain_for(const std::string &from, const std::string &to,
                                    Direction direction) {
        return explain(view_->view(), tuple_of(from, to, "tcp"), direction, 0,
                       [&](const Question &question) -> Result<Explanation> {
                           asked_.push_back(question.from_port);
                           const Answer answer = ask(builder_.policy, *view_, question);
                           return explanation_of(answer, question);
                       });
    }

    test::PolicyBuilder builder_;
    std::optional<ImageView> view_;
    std::vector<std::uint16_t> asked_;
};

TEST_F(ExplainTest, AsksOnceWithTheSourcePortGiven) {
    auto answer = explain_for("192.0.2.1:40000", "203.0.113.10:443", Direction::in);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->row, "web-in");
    EXPECT_THAT(asked_, testing::ElementsAre(40000));
}

TEST_F(ExplainTest, NeedsNoSourcePortWhereItDecidesNothing) {
    auto answer = explain_for("192.0.2.1", "203.0.113.10:443", Direction::in);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->row, "web-in");
}

TEST_F(ExplainTest, RefusesToGuessASourcePortThatDecides) {
    auto answer = explain_for("203.0.113.10", "198.51.100.7:25", Direction::out);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().exit, Exit::usage);
    EXPECT_EQ(answer.error().message,
              "the source port decides here (1-49999: drop, no-service; 50000-59999: row "
              "'relay-out'; 60000-65535: drop, no-service)");
    EXPECT_THAT(asked_, testing::ElementsAre(1, 50000, 60000));
}

// "tcp 203.0.113.10", one a flow; or the fault.
std::string settled(const Policy &policy, const std::vector<Address> &own, const std::string &from,
                    const std::string &to, const std::string &protocol = "") {
    const auto tuples = parse_flow(from, to, protocol).and_then([&](const AskedFlow &asked) {
        return settle_flow(asked, {}, [&](const std::string &role, Family family) {
            return role_address(policy, own, role, family);
        });
    });
    if (!tuples) return tuples.error().message;
    std::string text;
    for (const Tuple &one : *tuples)
        text += (text.empty() ? "" : ", ") + transport_name(one.transport) + " " +
                to_string(one.from) + " " + to_string(one.to);
    return text;
}

TEST(SettleFlow, TakesARoleForAnAddress) {
    test::PolicyBuilder b;
    b.role("access", {"203.0.113.10/32", "2001:db8:10::10/128"}).role("inner", {"10.1.0.1/32"});
    b.interface_role("host");
    const auto &policy = b.policy;
    EXPECT_EQ(settled(policy, {}, "192.0.2.1", "access:443", "tcp"), "tcp 192.0.2.1 203.0.113.10");
    EXPECT_EQ(settled(policy, {}, "2001:db8::1", "access:443", "tcp"),
              "tcp 2001:db8::1 2001:db8:10::10");
    EXPECT_EQ(settled(policy, {}, "access", "192.0.2.1:53", "udp"), "udp 203.0.113.10 192.0.2.1");
    EXPECT_EQ(settled(policy, {}, "access", "inner:53", "udp"), "udp 203.0.113.10 10.1.0.1");
    EXPECT_EQ(settled(policy, {}, "2001:db8::1", "inner:53", "udp"),
              "role 'inner' has no IPv6 address");
    EXPECT_EQ(settled(policy, {}, "192.0.2.1", "acess:53", "udp"),
              "'acess' is no address and no role of the policy");
    EXPECT_EQ(settled(policy, {}, "192.0.2.1", "host:53", "udp"),
              "role 'host' is any address of its interface");
    EXPECT_EQ(settled(policy, {test::address("203.0.113.77")}, "192.0.2.1", "host:53", "udp"),
              "udp 192.0.2.1 203.0.113.77");
}

TEST(SettleFlow, WithoutAProtocolAsksOfThoseThatThePortsLeave) {
    const Policy policy;
    EXPECT_EQ(settled(policy, {}, "192.0.2.1", "203.0.113.10:443"),
              "tcp 192.0.2.1 203.0.113.10, udp 192.0.2.1 203.0.113.10");
    EXPECT_EQ(settled(policy, {}, "192.0.2.1", "203.0.113.10"), "icmp 192.0.2.1 203.0.113.10");
    EXPECT_EQ(settled(policy, {}, "2001:db8::1", "2001:db8::2"), "icmpv6 2001:db8::1 2001:db8::2");
    EXPECT_EQ(settled(policy, {}, "192.0.2.1:40", "203.0.113.10"),
              "a source port needs a destination port");
}

}  // namespace
}  // namespace pm
