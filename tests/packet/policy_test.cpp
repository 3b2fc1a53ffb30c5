// SPDX-License-Identifier: Apache-2.0
// One packet, one verdict: addresses, sets, rows and their order.
#include "tests/packet/cases.h"

namespace pm::test {
namespace {

constexpr auto in = Direction::in, out = Direction::out;

std::vector<Case> address_cases() {
    auto came = [](const char *source) { return frame(make_packet(source, "203.0.113.10")); };
    auto came6 = [](const char *source) { return frame(make_packet(source, "2001:db8:10::10")); };
    auto closed = [](const char *source) {
        return frame(make_packet(source, "203.0.113.10", Tcp{.destination = 9}));
    };
    auto left = [](const char *destination) {
        return frame(make_packet("203.0.113.10", destination, Icmp{}));
    };
    std::vector<Case> cases = {
        {"OwnAddress", in, came("203.0.113.11"), "own-address-spoofed"},
        {"OwnAddressOfAnotherInterface", in, came("10.9.0.10"), "own-address-spoofed"},
        {"Land", in, came("203.0.113.10"), "own-address-spoofed"},
        {"LandOfNobody", in, frame(make_packet("192.0.2.9", "192.0.2.9")), "own-address-spoofed"},
        {"OwnAddressToAClosedPort", in, closed("203.0.113.11"), "own-address-spoofed"},
        {"LandToAClosedPort", in, closed("203.0.113.10"), "own-address-spoofed"},
        {"MulticastSourceToAClosedPort", in, closed("224.0.0.1"), "bad-source-address"},
        {"AnybodyToAClosedPort", in, closed("198.51.100.7"), "no-service"},
        {"OwnAddressV6", in, came6("2001:db8:10::11"), "own-address-spoofed"},
        {"MartianDestinationIn", in, frame(make_packet("198.51.100.7", "127.0.0.1")),
         "bad-destination-address"},
        {"SourceLowestClassD", in, came("224.0.0.0"), "bad-source-address"},
        {"SourceBelowClassD", in, came("223.255.255.255"), "row sip-any-in"},
        {"SourceLoopbackV6", in, came6("::1"), "bad-source-address"},
        {"SourceAboveCompatible", in, came6("::1:0:0"), "row sip-any-in"},
        {"SourceCompatible", in, came6("::198.51.100.7"), "bad-source-address"},
        {"SourceMulticastV6", in, came6("ff02::1"), "bad-source-address"},
        {"SourceUnspecifiedV6", in, came6("::"), "bad-source-address"},
        {"SpoofedOut", out, frame(make_packet("203.0.113.99", "198.51.100.7")), "no-role"},
        {"OtherInterfacesAddressOut", out, frame(make_packet("10.9.0.10", "198.51.100.7")),
         "no-role"},
        {"OutToOwnAddress", out, left("203.0.113.11"), "row ping-out"},
        {"OutToBroadcast", out, left("255.255.255.255"), "no-row"},
        {"OutToMulticast", out, left("224.0.0.251"), "no-row"},
        {"OutToLoopback", out, left("127.0.0.1"), "bad-destination-address"},
        {"OutToClassE", out, left("240.0.0.1"), "bad-destination-address"},
    };
    for (const char *source :
         {"0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "239.255.255.255",
          "240.0.0.0", "255.255.255.254", "255.255.255.255"}) {
        std::string name = std::string("Source") + source;
        std::erase(name, '.');
        cases.push_back({name, in, came(source), "bad-source-address"});
    }
    return cases;
}

std::vector<Case> policy_cases() {
    auto tcp = [](const char *source, const char *destination, int port, int source_port = 40000) {
        return frame(test::tcp(source, source_port, destination, port, SYN));
    };
    auto udp = [](const char *source, const char *destination, int port, int source_port = 40000) {
        return frame(test::udp(source, source_port, destination, port));
    };
    const char *access = "203.0.113.10", *av = "203.0.113.11";
    return {
        {"FirstRowWins", in, tcp("198.51.100.7", access, 5061), "row sip-in"},
        {"LaterRowForOthers", in, tcp("192.0.2.7", access, 5061), "row sip-any-in"},
        {"Excepted", in, tcp("10.1.2.3", access, 5061), "no-row"},
        {"BelowExcepted", in, tcp("9.255.255.255", access, 5061), "row sip-any-in"},
        {"AboveExcepted", in, tcp("11.0.0.0", access, 5061), "row sip-any-in"},
        {"ExceptedV6", in, frame(make_packet("fd00::1", "2001:db8:10::10")), "no-row"},
        {"SetBelow", in, tcp("198.51.99.255", access, 5061), "row sip-any-in"},
        {"SetFirst", in, tcp("198.51.100.0", access, 5061), "row sip-in"},
        {"SetLast", in, tcp("198.51.100.255", access, 5061), "row sip-in"},
        {"SetAbove", in, tcp("198.51.101.0", access, 5061), "row sip-any-in"},
        {"SetV6First", in, frame(make_packet("2001:db8:20::", "2001:db8:10::10")), "row sip-in"},
        {"SetV6Last", in,
         frame(make_packet("2001:db8:20:ffff:ffff:ffff:ffff:ffff", "2001:db8:10::10")),
         "row sip-in"},
        {"SetV6Above", in, frame(make_packet("2001:db8:21::", "2001:db8:10::10")),
         "row sip-any-in"},
        {"BlockedIn", in, tcp("198.51.100.66", access, 5061), "blocked"},
        {"BesideBlocked", in, tcp("198.51.100.67", access, 5061), "row sip-in"},
        {"BlockedV6", in, frame(make_packet("2001:db8:20:6::1", "2001:db8:10::10")), "blocked"},
        {"BlockedOut", out, tcp(access, "198.51.100.66", 5061), "blocked"},
        {"BlockedWithoutService", in, tcp("198.51.100.66", access, 5063), "no-service"},
        {"BlockedWithoutRole", in, tcp("198.51.100.66", "203.0.113.12", 5061), "blocked"},
        {"FailsafeOverBlock", in, tcp("192.0.2.200", access, 22), "row ssh-admins"},
        {"BlockedButForFailsafe", in, tcp("192.0.2.200", access, 5061), "blocked"},
        {"OtherRole", in, tcp("198.51.100.7", av, 5061), "no-row"},
        {"NoRole", in, tcp("198.51.100.7", "203.0.113.12", 5061), "no-role"},
        {"RoleOfAnotherInterface", in, tcp("198.51.100.7", "10.9.0.10", 4443), "no-role"},
        {"RowOfAnotherInterface", in, tcp("198.51.100.7", access, 4443), "no-row"},
        {"SwitchedOffRow", in, tcp("198.51.100.7", access, 8443), "no-service"},
        {"RangeBelow", in, udp("192.0.2.1", av, 49999), "no-service"},
        {"RangeFirst", in, udp("192.0.2.1", av, 50000), "row media-in"},
        {"RangeLast", in, udp("192.0.2.1", av, 59999), "row media-in"},
        {"RangeAbove", in, udp("192.0.2.1", av, 60000), "no-service"},
        {"SourceRangeBelow", out, tcp(av, "192.0.2.1", 9, 49999), "no-service"},
        {"SourceRangeFirst", out, tcp(av, "192.0.2.1", 9, 50000), "row relay-out"},
        {"SourceRangeLast", out, tcp(av, "192.0.2.1", 65535, 59999), "row relay-out"},
        {"SourceRangeAbove", out, tcp(av, "192.0.2.1", 9, 60000), "no-service"},
        {"SourceRangeOtherRole", out, tcp(access, "192.0.2.1", 9, 50000), "no-row"},
        {"SourcePort53ToAClosedPort", in, udp("192.0.2.1", access, 40000, 53), "not-first-packet"},
        {"SourcePort5061ToAClosedPort", in, tcp("198.51.100.7", access, 40000, 5061), "no-service"},
        {"DirectionSwapped", out, udp(av, "192.0.2.1", 3478), "no-service"},
        {"MulticastRow", in, udp("198.51.100.7", "224.0.0.251", 5353, 5353), "row mdns-in"},
        {"OtherMulticast", in, udp("198.51.100.7", "224.0.0.250", 5353, 5353), "no-role"},
        {"MulticastOut", out, udp(access, "224.0.0.251", 5353, 5353), "row mdns-out"},
    };
}

class Rows : public OnePacket {};

TEST_P(Rows, Verdict) {
    expect_verdict();
}

INSTANTIATE_TEST_SUITE_P(Addresses, Rows, testing::ValuesIn(address_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Policy, Rows, testing::ValuesIn(policy_cases()), name_of);

}  // namespace
}  // namespace pm::test
