// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/probe.h"

#include <netinet/in.h>

#include <cerrno>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "maps/lookup.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"

namespace pm {
namespace {

using Bytes = std::vector<std::uint8_t>;

void put(Bytes &to, std::uint64_t value, int width) {
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
        to.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_address(Bytes &to, const Address &address) {
    if (!address.is_v4()) put(to, address.high, 8);
    put(to, address.low, address.is_v4() ? 4 : 8);
}

std::uint32_t sum(const Bytes &bytes) {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) total += bytes[i] << (i % 2 ? 0 : 8);
    return total;
}

std::uint16_t fold(std::uint32_t total) {
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~total);
}

void store(Bytes &to, std::size_t at, std::uint16_t value) {
    to[at] = static_cast<std::uint8_t>(value >> 8);
    to[at + 1] = static_cast<std::uint8_t>(value);
}

// What is sent to this address: a query to all hosts, a leave or a report of version 3 to routers,
// else a report of version 2 of the group.
Bytes igmp_message(const Address &to) {
    constexpr std::uint32_t all_hosts = 0xe0000001, all_routers = 0xe0000002,
                            report_routers = 0xe0000016, some_group = 0xef000001;
    const auto group = static_cast<std::uint32_t>(to.low);
    Bytes message;
    if (group == all_hosts)
        put(message, 0x1164'0000'0000'0000, 8);
    else if (group == report_routers)
        put(message, 0x2200'0000'0000'0000, 8);
    else if (group == all_routers)
        put(message, 0x1700'0000'0000'0000 | some_group, 8);
    else
        put(message, 0x1600'0000'0000'0000 | group, 8);
    return message;
}

// The transport header, with its checksum.
Bytes transport_header(const Question &question) {
    Bytes header;
    std::size_t checksum = 2;
    switch (question.transport) {
        case PM_PROTO_TCP:
            put(header, question.from_port, 2);
            put(header, question.to_port, 2);
            put(header, 1, 4);  // sequence
            put(header, 0, 4);
            put(header, 0x5002, 2);  // 20 bytes, SYN
            put(header, 65535, 2);   // window
            put(header, 0, 4);
            checksum = 16;
            break;
        case PM_PROTO_UDP:
            put(header, question.from_port, 2);
            put(header, question.to_port, 2);
            put(header, 8, 2);
            put(header, 0, 2);
            checksum = 6;
            break;
        case PM_PROTO_ICMP:
        case PM_PROTO_ICMPV6:
            put(header, question.transport == PM_PROTO_ICMP ? 8 : 128, 1);
            put(header, 0, 3);
            put(header, question.from_port, 2);
            put(header, 1, 2);
            break;
        case IPPROTO_IGMP:
            header = igmp_message(question.to);
            break;
        default:
            return Bytes(8);
    }
    Bytes pseudo;
    if (question.transport != PM_PROTO_ICMP && question.transport != IPPROTO_IGMP) {
        put_address(pseudo, question.from);
        put_address(pseudo, question.to);
        put(pseudo, question.transport, 4);
        put(pseudo, header.size(), 4);
    }
    store(header, checksum, fold(sum(pseudo) + sum(header)));
    return header;
}

Bytes ip_header(const Question &question, std::size_t payload) {
    Bytes header;
    if (question.from.is_v4()) {
        const bool igmp = question.transport == IPPROTO_IGMP;
        const std::size_t length = igmp ? 24 : 20;
        put(header, igmp ? 0x4600 : 0x4500, 2);
        put(header, length + payload, 2);
        put(header, 0, 4);
        put(header, igmp ? 1 : 64, 1);
        put(header, question.transport, 1);
        put(header, 0, 2);
        put_address(header, question.from);
        put_address(header, question.to);
        if (igmp) put(header, 0x94040000, 4);  // Router Alert
        store(header, 10, fold(sum(header)));
        return header;
    }
    put(header, 0x60000000, 4);
    put(header, payload, 2);
    put(header, question.transport, 1);
    put(header, 64, 1);
    put_address(header, question.from);
    put_address(header, question.to);
    return header;
}

// For a packet to many the Ethernet address of the group or of all, else that of some host.
std::uint64_t ethernet_destination(const Address &to) {
    const pm_addr address = to.abi();
    if (!pm_is_multicast(&address)) return 0x020000000002;
    if (!to.is_v4()) return 0x333300000000 | (to.low & 0xffffffff);
    if ((to.low & 0xffffffff) == 0xffffffff) return 0xffffffffffff;
    return 0x01005e000000 | (to.low & 0x7fffff);
}

}  // namespace

std::vector<std::uint8_t> first_packet(const Question &question) {
    const Bytes payload = transport_header(question);
    const Bytes ip = ip_header(question, payload.size());
    Bytes frame;
    put(frame, ethernet_destination(question.to), 6);
    put(frame, 0x020000000001, 6);
    put(frame, question.from.is_v4() ? 0x0800 : 0x86dd, 2);
    frame.insert(frame.end(), ip.begin(), ip.end());
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

Result<std::uint32_t> run_probe(const Maps &maps, int program, const pm_probe &asked,
                                const std::vector<std::uint8_t> &frame) {
    auto question = Map<std::uint32_t, pm_probe>::of(maps, "question");
    if (!question) return tl::unexpected(question.error());
    if (auto put = question->put(0, asked); !put) return tl::unexpected(put.error());
    bpf_test_run_opts options = {};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    if (bpf_prog_test_run_opts(program, &options) != 0)
        return cannot("ask the programs in the kernel", errno);
    return options.retval;
}

Done compare_with_probes(const Pins &pins, const ProbedSlots &slots,
                         const std::vector<Question> &packets) {
    auto in = open_pin(pins.path("ask_in")), out = open_pin(pins.path("ask_out"));
    if (!in) return tl::unexpected(in.error());
    if (!out) return tl::unexpected(out.error());
    for (const Question &packet : packets) {
        const std::uint32_t expected =
            judge_first(slots.image_view, slots.bans_view, present(slots.image_view), packet);
        const int program = (packet.direction == Direction::in ? *in : *out).get();
        const pm_probe asked = {
            .image = slots.image, .bans = slots.bans, .interface = packet.interface, .zero = 0};
        const auto found = run_probe(pins.maps(), program, asked, first_packet(packet));
        if (!found) return tl::unexpected(found.error());
        if (*found == expected) continue;
        return fault(
            fmt::format("a test packet failed: the programs in the kernel judge {} otherwise than "
                        "the policy ({:#x} instead of {:#x})",
                        to_string(packet), *found, expected),
            "this is a fault of portmatrix: see 'portmatrix doctor', and report it");
    }
    return {};
}

}  // namespace pm
