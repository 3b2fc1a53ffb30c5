// SPDX-License-Identifier: Apache-2.0
// The verdict comes from the image, by the lookups that the kernel runs. The sentence that
// explains it comes from the model, whose names the image does not have.
#include "policy/judge.h"

#include <netinet/in.h>

#include <fmt/format.h>

#include "policy/locals.h"
#include "policy/scalars.h"
#include "policy/why.h"

namespace pm {

namespace {

std::string end_point(const Address &address, std::uint16_t port, bool with_port) {
    if (!with_port) return to_string(address);
    return address.is_v4() ? fmt::format("{}:{}", to_string(address), port)
                           : fmt::format("[{}]:{}", to_string(address), port);
}

// As bpf/essentials.h has it, of what a first packet can be: what this host's DHCP client asks,
// and a whole IGMP message. All else that is essential has no ports and is no echo request.
std::optional<pm_essential> find_essential(const Question &question) {
    const bool v4 = question.from.is_v4();
    if (question.transport == IPPROTO_IGMP && v4) return PM_ESSENTIAL_MULTICAST;
    if (question.transport == PM_PROTO_UDP && question.direction == Direction::out &&
        question.from_port == (v4 ? 68 : 546) && question.to_port == (v4 ? 67 : 547))
        return PM_ESSENTIAL_DHCP;
    return std::nullopt;
}

}  // namespace

bool is_listed(pm_view image, const Address &address) {
    const pm_addr abi = address.abi();
    return pm_is_own(image, &abi) != 0;
}

pm_tuple to_tuple(const Question &question) {
    const bool in = question.direction == Direction::in;
    pm_tuple tuple{};
    tuple.local = (in ? question.to : question.from).abi();
    tuple.remote = (in ? question.from : question.to).abi();
    tuple.local_port = in ? question.to_port : question.from_port;
    tuple.remote_port = in ? question.from_port : question.to_port;
    tuple.protocol = question.transport;
    tuple.interface = static_cast<std::uint8_t>(question.interface);
    tuple.opener = static_cast<std::uint8_t>(in ? PM_IN : PM_OUT);
    return tuple;
}

Question to_question(const pm_tuple &tuple) {
    const bool in = tuple.opener == PM_IN;
    Question question;
    question.from = Address::from(in ? tuple.remote : tuple.local);
    question.to = Address::from(in ? tuple.local : tuple.remote);
    question.from_port = in ? tuple.remote_port : tuple.local_port;
    question.to_port = in ? tuple.local_port : tuple.remote_port;
    question.transport = tuple.protocol;
    question.direction = in ? Direction::in : Direction::out;
    question.interface = tuple.interface;
    return question;
}

std::string to_string(const Question &question) {
    const bool ports = has_ports(question.transport);
    return fmt::format("{} {} -> {}", transport_name(question.transport),
                       end_point(question.from, question.from_port, ports),
                       end_point(question.to, question.to_port, ports));
}

std::uint32_t judge_first(pm_view image, pm_view bans, std::uint64_t now,
                          const Question &question) {
    if (const auto essential = find_essential(question))
        return essential_verdict << 16 | *essential;
    pm_tuple tuple = to_tuple(question);
    const std::uint32_t direction = tuple.opener;
    const std::uint32_t verdict = pm_judge(image, bans, now, &tuple, direction);
    if (verdict != pm_drop(PM_DROP_NO_SERVICE) || question.transport != PM_PROTO_UDP)
        return verdict;
    tuple.opener = !tuple.opener;
    const std::uint32_t answer = pm_judge(image, bans, now, &tuple, direction);
    return pm_reason_of(answer) == PM_UNDECIDED ? pm_drop(PM_DROP_NOT_FIRST_PACKET) : answer;
}

Answer ask(const Policy &policy, const ImageView &image, const Question &question) {
    const std::uint32_t verdict = judge_first(image.view(), {}, 0, question);
    const std::string &interface = interface_name(policy, image.view(), question.interface);
    Answer answer;
    if (pm_reason_of(verdict) == PM_UNDECIDED && pm_row_of(verdict) < policy.rows.size()) {
        const Row &row = policy.rows[pm_row_of(verdict)];
        answer.pass = true;
        answer.row = row.id;
        answer.why = why_passed(policy, row, question);
        return answer;
    }
    if (pm_reason_of(verdict) == essential_verdict && essential_id(pm_row_of(verdict))) {
        answer.pass = true;
        answer.row = essential_id(pm_row_of(verdict));
        answer.why = "it is essential and needs no row";
        return answer;
    }
    // A damaged image can give any number.
    const std::uint32_t reason = pm_reason_of(verdict);
    answer.reason = reason == PM_UNDECIDED || reason > PM_DROP_NO_POLICY
                        ? PM_DROP_NO_POLICY
                        : static_cast<pm_reason>(reason);
    answer.why = why_dropped(policy, question, interface, answer.reason);
    return answer;
}

const char *reason_label(pm_reason reason) {
    switch (reason) {
#define PM_REASON(id, name, label, meaning) \
    case PM_DROP_##name:                    \
        return label;
#include "maps/reasons.def"
#undef PM_REASON
        default:
            return nullptr;
    }
}

const char *essential_id(unsigned id) {
    switch (id) {
#define PM_ESSENTIAL(number, name, label, meaning) \
    case number:                                   \
        return label;
#include "maps/essentials.def"
#undef PM_ESSENTIAL
    }
    return nullptr;
}

std::string transport_name(std::uint8_t protocol) {
    switch (protocol) {
        case PM_PROTO_TCP:
            return "tcp";
        case PM_PROTO_UDP:
            return "udp";
        case PM_PROTO_ICMP:
            return "icmp";
        case PM_PROTO_ICMPV6:
            return "icmpv6";
        default:
            return fmt::format("{}", protocol);
    }
}

}  // namespace pm
