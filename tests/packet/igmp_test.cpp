// SPDX-License-Identifier: Apache-2.0
// IGMP passes as RFC 1112, 2236 and 3376 have it, from the link, and not otherwise (bpf/igmp.h).
#include <cstdint>
#include <string>
#include <vector>

#include "loader/kernel/probe.h"
#include "tests/packet/cases.h"

namespace pm::test {
namespace {

constexpr int query = 0x11, report_v1 = 0x12, report_v2 = 0x16, leave = 0x17, report_v3 = 0x22;

struct Igmp {
    int type = report_v2;
    const char *group = "239.1.2.3";
    const char *to = "239.1.2.3";
    int code = 0;
    int sources = 0;         // of a query of version 3
    std::size_t length = 8;  // bytes
    const char *from = "198.51.100.7";
    int ttl = 1;
    Bytes options = {148, 4, 0, 0};
};

Packet packet_of(const Igmp &igmp) {
    Bytes message(igmp.length);
    const auto set = [&](std::size_t at, std::uint64_t value) {
        if (at < message.size()) message[at] = static_cast<std::uint8_t>(value);
    };
    set(0, static_cast<std::uint64_t>(igmp.type));
    set(1, static_cast<std::uint64_t>(igmp.code));
    for (unsigned i = 0; i < 4; ++i) set(4 + i, address(igmp.group).low >> (24 - 8 * i));
    set(10, static_cast<std::uint64_t>(igmp.sources) >> 8);
    set(11, static_cast<std::uint64_t>(igmp.sources));
    Packet packet = make_packet(igmp.from, igmp.to, Raw{2, std::move(message)});
    packet.hop_limit = static_cast<std::uint8_t>(igmp.ttl);
    packet.options = igmp.options;
    return packet;
}

Bytes frame(const Igmp &igmp) {
    return frame(packet_of(igmp));
}

const Direction in = Direction::in, out = Direction::out;
const char *const passed = "essential-multicast", *const broken = "malformed-essential";
constexpr const char *all = "224.0.0.1", *routers = "224.0.0.2", *v3_routers = "224.0.0.22",
                     *none = "0.0.0.0", *group = "239.1.2.3", *other = "239.1.2.4";

std::vector<Case> messages() {
    return {
        {"QueryV1", in, frame({.type = query, .group = none, .to = all, .options = {}}), passed},
        {"QueryV1OfOneGroup", in, frame({.type = query, .options = {}}), passed},
        {"QueryV2", in, frame({.type = query, .group = none, .to = all, .code = 100}), passed},
        {"QueryV2OfOneGroup", in, frame({.type = query, .code = 10}), passed},
        {"QueryV2WithoutAlert", in,
         frame({.type = query, .group = none, .to = all, .code = 100, .options = {}}), broken},
        {"QueryToAnotherGroup", in, frame({.type = query, .to = other, .code = 10}), broken},
        {"QueryOfOneGroupToAll", in, frame({.type = query, .to = all, .code = 10}), broken},
        {"QueryToTheHostItself", in,
         frame({.type = query, .group = none, .to = "203.0.113.10", .code = 100}), broken},
        {"QueryOfTheHostItself", in,
         frame({.type = query, .group = "203.0.113.10", .to = "203.0.113.10"}), broken},
        {"QueryV3", in, frame({.type = query, .group = none, .to = all, .code = 100, .length = 12}),
         passed},
        {"QueryV3OfSources", in, frame({.type = query, .sources = 2, .length = 20}), passed},
        {"QueryV3OfFewerSources", in, frame({.type = query, .sources = 1, .length = 20}), broken},
        {"QueryV3OfMoreSources", in, frame({.type = query, .sources = 3, .length = 20}), broken},
        {"QueryV3OfManySources", in, frame({.type = query, .sources = 0x4001, .length = 16}),
         broken},
        {"QueryV3OfSourcesToAll", in,
         frame({.type = query, .group = none, .to = all, .sources = 1, .length = 16}), broken},
        {"QueryV3WithoutAlert", in,
         frame({.type = query, .group = none, .to = all, .length = 12, .options = {}}), broken},
        {"QueryTooLong", in, frame({.type = query, .group = none, .to = all, .length = 9}), broken},
        {"ReportV1", in, frame({.type = report_v1, .options = {}}), passed},
        {"ReportV1ToAll", in, frame({.type = report_v1, .to = all}), broken},
        {"ReportV1Long", in, frame({.type = report_v1, .length = 12}), broken},
        {"ReportV2", in, frame(Igmp{}), passed},
        {"ReportV2OfALinkLocalGroup", in, frame({.group = "224.0.0.251", .to = "224.0.0.251"}),
         passed},
        {"ReportV2WithoutAlert", in, frame({.options = {}}), broken},
        {"ReportV2WithAnotherAlert", in, frame({.options = {148, 4, 0, 1}}), broken},
        {"ReportV2WithOtherOptions", in, frame({.options = {1, 1, 1, 1}}), broken},
        {"ReportV2WithMoreOptions", in, frame({.options = {148, 4, 0, 0, 1, 1, 1, 0}}), passed},
        {"ReportV2ToAnotherGroup", in, frame({.to = other}), broken},
        {"ReportV2ToAHost", in, frame({.group = "203.0.113.10", .to = "203.0.113.10"}), broken},
        {"ReportV2ToEverybody", in, frame({.group = "255.255.255.255", .to = "255.255.255.255"}),
         broken},
        {"ReportV2Short", in, frame({.length = 7}), broken},
        {"ReportV2Long", in, frame({.length = 1400}), broken},
        {"Leave", in, frame({.type = leave, .to = routers}), passed},
        {"LeaveToItsGroup", in, frame({.type = leave}), broken},
        {"LeaveWithoutAlert", in, frame({.type = leave, .to = routers, .options = {}}), broken},
        {"LeaveLong", in, frame({.type = leave, .to = routers, .length = 9}), broken},
        {"ReportV3", in, frame({.type = report_v3, .to = v3_routers, .length = 40}), passed},
        {"ReportV3ToAll", in, frame({.type = report_v3, .to = all, .length = 40}), broken},
        {"ReportV3WithoutAlert", in,
         frame({.type = report_v3, .to = v3_routers, .length = 40, .options = {}}), broken},
        {"UnknownType", in, frame({.type = 0x13}), broken},
        {"Dvmrp", in, frame({.type = 0x13, .to = "224.0.0.4"}), broken},
        {"Ttl2", in, frame({.ttl = 2}), broken},
        {"Ttl255", in, frame({.ttl = 255}), broken},
        {"Fragment", in,
         with(packet_of({.length = 40}),
              [](Packet &p) {
                  p.fragment = Fragment{.offset = 0, .more = true, .id = 1, .length = 8};
              }),
         broken},
        {"FromAfar", in, frame({.from = "8.8.8.8"}), broken},
        {"FromTheLinkOfAnotherInterface", in, frame({.from = "192.0.2.200"}), broken},
        {"FromLoopback", in, frame({.from = "127.0.0.1"}), broken},
        {"FromNobody", in, frame({.from = none}), passed},
        {"QueryFromNobody", in,
         frame({.type = query, .group = none, .to = all, .code = 100, .from = none}), passed},
        {"FromAnAddressAlone", in, frame({.from = "10.9.0.10"}), passed},
        {"FromBesideAnAddressAlone", in, frame({.from = "10.9.0.11"}), broken},
        {"ReportOut", out, frame({.from = "203.0.113.10"}), passed},
        {"ReportOutFromAnUnknownAddress", out, frame({.from = "192.0.2.9"}), passed},
        {"ReportV3Out", out,
         frame({.type = report_v3, .to = v3_routers, .length = 16, .from = "203.0.113.10"}),
         passed},
        {"OutWithoutAlert", out, frame({.from = "203.0.113.10", .options = {}}), broken},
        {"OutToAHost", out,
         frame({.group = "198.51.100.7", .to = "198.51.100.7", .from = "203.0.113.10"}), broken},
    };
}

class IgmpMessages : public OnePacket {};
TEST_P(IgmpMessages, Verdict) {
    expect_verdict();
}
// What explain and the test packets of apply ask with.
TEST(Igmp, OfAQuestionIsFine) {
    Host host(mixed_policy());
    for (const char *to : {all, routers, v3_routers, group, "224.0.0.251"}) {
        const Question question{
            .from = address("198.51.100.7"), .to = address(to), .transport = 2, .direction = in};
        EXPECT_EQ(host.in(first_packet(question)), passed) << to;
    }
}

INSTANTIATE_TEST_SUITE_P(Igmp, IgmpMessages, testing::ValuesIn(messages()), name_of);

}  // namespace
}  // namespace pm::test
