// SPDX-License-Identifier: Apache-2.0
// IPFIX messages, byte by byte, against RFC 7011 and RFC 5103.
#include "loader/export/ipfix.h"

#include <gmock/gmock.h>

#include "policy/model/address.h"

namespace pm::exporter {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint64_t number(const Bytes &bytes, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes.at(at + i);
    return value;
}

class Ipfix : public testing::Test {
protected:
    static FlowRecord call(const char *local, const char *remote, pm_direction opener) {
        FlowRecord record;
        record.key.local = parse_address(local)->abi();
        record.key.remote = parse_address(remote)->abi();
        record.key.local_port = 5061;
        record.key.remote_port = 40000;
        record.key.protocol = 6;
        record.key.interface = 3;
        record.flow.opener = opener;
        record.flow.row = 517;
        record.flow.tcp_flags[PM_IN] = 0x1b;
        record.flow.tcp_flags[PM_OUT] = 0x12;
        record.flow.start = record.flow.last = clock.stamp;
        record.packets[PM_IN] = 10;
        record.bytes[PM_IN] = 1000;
        record.packets[PM_OUT] = 8;
        record.bytes[PM_OUT] = 0x0102030405060708;
        record.reason = EndReason::detected;
        return record;
    }
    static inline const FlowClock clock{1000, 1'700'000'000'123};
    FlowNames names{{{3, "eth0"}}, {{3, 7}}, {{517, "sip-in"}}};
    std::vector<Bytes> sent;
    IpfixEncoder encoder{[this](const Bytes &message) { sent.push_back(message); }};
};

TEST_F(Ipfix, BeginsWithAHeaderThatCountsDataRecordsOnly) {
    encoder.templates(1'700'000'000);
    encoder.row_name(1'700'000'000, 517, "sip-in");
    encoder.flush();
    encoder.record(call("192.0.2.1", "192.0.2.2", PM_IN), names, clock);
    encoder.flush();
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(number(sent[0], 0, 2), 10u) << "version";
    EXPECT_EQ(number(sent[0], 2, 2), sent[0].size());
    EXPECT_EQ(number(sent[0], 4, 4), 1'700'000'000u);
    EXPECT_EQ(number(sent[0], 8, 4), 0u) << "sequence";
    EXPECT_EQ(number(sent[0], 12, 4), 1u) << "domain";
    EXPECT_EQ(number(sent[1], 8, 4), 1u) << "one options record went before";
}

// The lengths that a template announces are those of the records that follow.
TEST_F(Ipfix, TemplatesDescribeTheRecords) {
    encoder.templates(1);
    encoder.flush();
    encoder.record(call("192.0.2.1", "192.0.2.2", PM_IN), names, clock);
    encoder.record(call("2001:db8::1", "2001:db8::2", PM_IN), names, clock);
    encoder.flush();
    std::map<std::uint64_t, std::size_t> lengths;
    const Bytes &templates = sent[0];
    EXPECT_EQ(number(templates, 16, 2), 2u) << "a template set";
    std::size_t at = 20;
    for (int i = 0; i < 2; ++i) {
        const auto id = number(templates, at, 2), fields = number(templates, at + 2, 2);
        at += 4;
        for (std::uint64_t field = 0; field < fields; ++field) {
            const auto element = number(templates, at, 2);
            lengths[id] += number(templates, at + 2, 2);
            at += 4;
            if (element & 0x8000) {
                EXPECT_EQ(number(templates, at, 4), 29305u) << "reverse, RFC 5103";
                at += 4;
            }
        }
    }
    const Bytes &data = sent[1];
    at = 16;
    for (const std::uint64_t id : {256u, 257u}) {
        EXPECT_EQ(number(data, at, 2), id);
        EXPECT_EQ(number(data, at + 2, 2), 4 + lengths[id]);
        at += number(data, at + 2, 2);
    }
    EXPECT_EQ(at, data.size());
}

TEST_F(Ipfix, ARecordGoesFromTheOpener) {
    encoder.record(call("192.0.2.1", "192.0.2.2", PM_IN), names, clock);
    encoder.flush();
    const Bytes &one = sent.at(0);
    std::size_t at = 20;
    auto next = [&](std::size_t size) {
        at += size;
        return number(one, at - size, size);
    };
    EXPECT_EQ(next(8), 1'700'000'000'123u) << "start";
    EXPECT_EQ(next(8), 1'700'000'000'123u) << "end";
    EXPECT_EQ(next(4), 0xc0000202u) << "the remote opened it";
    EXPECT_EQ(next(4), 0xc0000201u);
    EXPECT_EQ(next(2), 40000u);
    EXPECT_EQ(next(2), 5061u);
    EXPECT_EQ(next(1), 6u);
    EXPECT_EQ(next(1), 0x1bu);
    EXPECT_EQ(next(1), 0x12u);
    EXPECT_EQ(next(1), 0u) << "ingress";
    EXPECT_EQ(next(8), 1000u);
    EXPECT_EQ(next(8), 10u);
    EXPECT_EQ(next(8), 0x0102030405060708u);
    EXPECT_EQ(next(8), 8u);
    EXPECT_EQ(next(4), 7u) << "ifindex";
    EXPECT_EQ(next(4), 0u);
    EXPECT_EQ(next(1), 1u) << "initiator";
    EXPECT_EQ(next(1), 2u) << "flow deleted";
    EXPECT_EQ(next(1), 3u) << "end of flow detected";
    EXPECT_EQ(next(8), 517u) << "row";
    EXPECT_EQ(at, one.size());
}

TEST_F(Ipfix, WhatThisHostOpensGoesOut) {
    FlowRecord record = call("2001:db8::1", "2001:db8::2", PM_OUT);
    record.reason = EndReason::active;
    encoder.record(record, names, clock);
    encoder.flush();
    const Bytes &one = sent.at(0);
    EXPECT_EQ(number(one, 16, 2), 257u);
    EXPECT_EQ(number(one, 36, 8), 0x20010db800000000u);
    EXPECT_EQ(number(one, 44, 8), 1u) << "the local side is the source";
    EXPECT_EQ(number(one, 68, 2), 5061u);
    EXPECT_EQ(number(one, 75, 1), 1u) << "egress";
    EXPECT_EQ(number(one, one.size() - 10, 1), 5u) << "flow update";
    EXPECT_EQ(number(one, one.size() - 9, 1), 2u) << "active timeout";
}

TEST_F(Ipfix, MessagesStayWithinADatagram) {
    for (int i = 0; i < 100; ++i)
        encoder.record(call("2001:db8::1", "2001:db8::2", PM_IN), names, clock);
    encoder.flush();
    constexpr std::size_t v6_record = 107;
    std::uint64_t records = 0;
    for (const Bytes &message : sent) {
        EXPECT_LE(message.size(), 1232u);
        EXPECT_EQ(number(message, 2, 2), message.size());
        EXPECT_EQ(number(message, 8, 4), records) << "sequence";
        EXPECT_EQ((message.size() - 20) % v6_record, 0u);
        records += (message.size() - 20) / v6_record;
    }
    EXPECT_EQ(records, 100u);
}

}  // namespace
}  // namespace pm::exporter
