// SPDX-License-Identifier: Apache-2.0
// The host names that the exporter answers to. A foreign web site must not read it through a
// browser on this host.
#include "loader/export/host_names.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace {

using namespace pm::exporter;

unsigned status(const HostNames &names, const char *path, const char *host, Reached reached) {
    const auto refused =
        names.refuse({path, host ? std::optional<std::string>(host) : std::nullopt, reached});
    return refused ? refused->status : 200;
}

TEST(HostNames, HasAddressesLocalhostAndWhatIsGiven) {
    const HostNames names({"edge1", "edge1.example.com"});
    for (const char *host :
         {"127.0.0.1", "127.0.0.1:9927", "203.0.113.10:80", "[::1]", "[::1]:9927",
          "[2001:db8::10]:1", "localhost", "localhost:9927", "LocalHost.", "localhost.:9927",
          "edge1:9927", "EDGE1", "edge1.example.com", "Edge1.Example.Com.:9927"})
        EXPECT_TRUE(names.has(host)) << host;
}

TEST(HostNames, HasNoOther) {
    const HostNames names({"edge1"});
    for (const char *host : {"",
                             ":",
                             ":9927",
                             "evil.example",
                             "evil.example:9927",
                             "edge1.evil.example",
                             "xedge1",
                             "edge",
                             "localhost.evil.example",
                             "127.0.0.1.evil.example",
                             "127.0.0.1.evil.example:9927",
                             "::1",
                             "[::1",
                             "[evil.example]:9927",
                             "[127.0.0.1]",
                             "[]",
                             "2130706433",
                             "127.1",
                             "127.0.0.1:evil",
                             "127.0.0.1:9927:9927",
                             "localhost..",
                             "edge1 evil.example",
                             "user@localhost"})
        EXPECT_FALSE(names.has(host)) << host;
}

TEST(HostNames, RefusesThePageAndItsDataUnderAnotherName) {
    const HostNames names({"edge1"});
    for (const char *path : {"/", "/page.js", "/status", "/metrics", "/none"}) {
        EXPECT_EQ(status(names, path, "evil.example:9927", Reached::loopback), 421u) << path;
        EXPECT_EQ(status(names, path, "edge1:9927", Reached::loopback), 200u) << path;
        EXPECT_EQ(status(names, path, nullptr, Reached::loopback), 200u) << path;
        EXPECT_EQ(status(names, path, "exporter", Reached::unix_socket), 200u) << path;
    }
    EXPECT_EQ(status(names, "/-/healthy", "evil.example", Reached::loopback), 200u);
}

TEST(HostNames, PrometheusMayKnowAHostByAnyName) {
    const HostNames names({"edge1"});
    EXPECT_EQ(status(names, "/metrics", "edge1.example.com:9927", Reached::network), 200u);
    EXPECT_EQ(status(names, "/status", "edge1.example.com:9927", Reached::network), 421u);
    EXPECT_EQ(status(names, "/", "edge1.example.com:9927", Reached::network), 421u);
}

TEST(HostNames, TheRefusalSaysTheNameAndTheWayOut) {
    const auto refused = HostNames({}).refuse({"/status", "evil\n.example", Reached::loopback});
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->body->find('\n'), refused->body->size() - 1);
    EXPECT_NE(refused->body->find("evil"), std::string::npos);
    EXPECT_NE(refused->body->find("--host-name"), std::string::npos);
}

TEST(HostNames, OfThisHostAreItsOwnAndThoseGiven) {
    char own[256] = {};
    ASSERT_EQ(gethostname(own, sizeof(own) - 1), 0);
    const auto names = HostNames::of_this_host({"status.example.com"});
    ASSERT_TRUE(names);
    EXPECT_TRUE(names->has(own));
    EXPECT_TRUE(names->has("status.example.com:80"));
    for (const char *wrong : {"", "http://edge1", "edge1:9927", "a b", "[::1]"})
        EXPECT_FALSE(HostNames::of_this_host({wrong})) << wrong;
}

}  // namespace
