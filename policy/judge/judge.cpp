// SPDX-License-Identifier: Apache-2.0
// The verdict comes from the image, by the lookups that the kernel runs. The sentence that explains
// it comes from the model, since the image does not have its names.
#include "policy/judge/judge.h"

#include <netinet/in.h>

#include "policy/image/locals.h"
#include "policy/model/date.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

bool is_igmp(const Question &question) {
    return question.transport == IPPROTO_IGMP && question.from.is_v4();
}

bool is_group_v4(const Address &address) {
    return address.is_v4() && static_cast<std::uint32_t>(address.low) >> 28 == 0xe;
}

// What bpf/essentials.h lets pass of what a Question can describe: the requests of this host's DHCP
// client, and IGMP to a group. All else that is essential has no ports and is no echo request.
std::optional<pm_essential> find_essential(const Question &question) {
    const bool v4 = question.from.is_v4();
    if (is_igmp(question) && is_group_v4(question.to)) return PM_ESSENTIAL_MULTICAST;
    const DhcpPorts &dhcp = v4 ? dhcp_v4 : dhcp_v6;
    if (question.transport == PM_PROTO_UDP && question.direction == Direction::out &&
        question.from_port == dhcp.client && question.to_port == dhcp.server)
        return PM_ESSENTIAL_DHCP;
    return std::nullopt;
}

}  // namespace

bool is_listed(pm_view image, const Address &address) {
    const pm_addr abi = address.abi();
    return pm_is_own(image, &abi) != 0;
}

std::uint32_t judge_first(pm_view image, pm_view bans, pm_moment when, const Question &question) {
    if (const auto essential = find_essential(question))
        return essential_verdict << 16 | *essential;
    if (is_igmp(question)) return pm_drop(PM_DROP_MALFORMED_ESSENTIAL);
    const pm_flow_key flow = to_key(question);
    const std::uint32_t direction = question.direction == Direction::in ? PM_IN : PM_OUT;
    const std::uint32_t verdict = pm_judge(image, bans, when, &flow, direction, direction);
    if (verdict != pm_drop(PM_DROP_NO_SERVICE) || question.transport != PM_PROTO_UDP)
        return verdict;
    const std::uint32_t reply = pm_judge(image, bans, when, &flow, !direction, direction);
    return pm_reason_of(reply) == PM_UNDECIDED ? pm_drop(PM_DROP_NOT_FIRST_PACKET) : reply;
}

std::optional<std::uint32_t> expired_row(pm_view image, const Question &question,
                                         std::uint32_t verdict) {
    if (!(pm_field(image, pm_image, flags) & PM_IMAGE_DATES) ||
        (pm_reason_of(verdict) != PM_UNDECIDED && pm_reason_of(verdict) != PM_DROP_NO_ROW))
        return std::nullopt;
    const std::uint32_t before = judge_first(image, {}, before_every_date, question);
    if (pm_reason_of(before) != PM_UNDECIDED || before == verdict) return std::nullopt;
    return pm_row_of(before);
}

Answer ask(const Policy &policy, const ImageView &image, const Question &question) {
    const std::uint32_t verdict = judge_first(image.view(), {}, present(image.view()), question);
    return answer_of(verdict, expired_row(image.view(), question, verdict), policy,
                     interface_name(policy, image.view(), question.interface), question);
}

void add_expired(const std::string &row, std::uint64_t expires, Answer &answer) {
    const std::string text = expired_text(row, expires);
    if (answer.pass) {
        answer.why.text += "; before it, " + text;
        return;
    }
    answer.why = {.text = text,
                  .set = "",
                  .entry = "",
                  .row = row,
                  .remedy = "write a later day under 'expires', and apply"};
}

Answer answer_of(std::uint32_t verdict, std::optional<std::uint32_t> expired, const Policy &policy,
                 const std::string &interface, const Question &question) {
    const Row *past = expired && *expired < policy.rows.size() ? &policy.rows[*expired] : nullptr;
    Answer answer;
    if (pm_reason_of(verdict) == PM_UNDECIDED && pm_row_of(verdict) < policy.rows.size()) {
        const Row &row = policy.rows[pm_row_of(verdict)];
        answer.pass = true;
        answer.row = row.id;
        answer.why = why_passed(policy, row, question);
        if (past) add_expired(past->id, past->expires, answer);
        return answer;
    }
    if (pm_reason_of(verdict) == essential_verdict && essential_id(pm_row_of(verdict))) {
        answer.pass = true;
        answer.row = essential_id(pm_row_of(verdict));
        answer.why.text = "it is essential and needs no row";
        return answer;
    }
    // A damaged image can give any number.
    const auto reason = static_cast<pm_reason>(pm_reason_of(verdict));
    answer.reason = reason_label(reason) ? reason : PM_DROP_NO_POLICY;
    answer.why = why_dropped(policy, question, interface, answer.reason);
    if (past) add_expired(past->id, past->expires, answer);
    return answer;
}

}  // namespace pm
